// The functions behind the filters' names, by what they work on.
#pragma once

#include "runtime/base/result.h"
#include "runtime/text/template/objects.h"
#include "runtime/text/template/value.h"

namespace linnet::templates::filters {

// All as Filter::apply; jinja2/filters.py is the reference of each.
using Function = Result<Value>(Interpreter& interpreter, const Value& subject, const Arguments& arguments);

// text_filters.cc
Function capitalize, center, escape, force_escape, format, indent, lower, replace, safe, string, title, tojson, trim,
    truncate, upper, word_count;

// sequence_filters.cc
Function batch, default_value, dictsort, first, items, join, last, length, list, maximum, minimum, reverse, slice, sort,
    sum;

// lazy_filters.cc: what gives a generator in Python.
Function map, reject, reject_attribute, select, select_attribute, unique;

// number_filters.cc
Function absolute, round, to_float, to_int;

}  // namespace linnet::templates::filters
