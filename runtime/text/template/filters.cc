#include "runtime/text/template/filters.h"

#include <algorithm>
#include <array>

#include "runtime/text/template/filter_functions.h"

namespace linnet::templates {

namespace {

// Sorted by name.
constexpr std::array kFilters = {
    Filter{"abs", filters::absolute},
    Filter{"batch", filters::batch},
    Filter{"capitalize", filters::capitalize},
    Filter{"center", filters::center},
    Filter{"count", filters::length},
    Filter{"d", filters::default_value},
    Filter{"default", filters::default_value},
    Filter{"dictsort", filters::dictsort},
    Filter{"e", filters::escape},
    Filter{"escape", filters::escape},
    Filter{"first", filters::first},
    Filter{"float", filters::to_float},
    Filter{"forceescape", filters::force_escape},
    Filter{"format", filters::format},
    Filter{"indent", filters::indent},
    Filter{"int", filters::to_int},
    Filter{"items", filters::items},
    Filter{"join", filters::join},
    Filter{"last", filters::last},
    Filter{"length", filters::length},
    Filter{"list", filters::list},
    Filter{"lower", filters::lower},
    Filter{"map", filters::map},
    Filter{"max", filters::maximum},
    Filter{"min", filters::minimum},
    Filter{"reject", filters::reject},
    Filter{"rejectattr", filters::reject_attribute},
    Filter{"replace", filters::replace},
    Filter{"reverse", filters::reverse},
    Filter{"round", filters::round},
    Filter{"safe", filters::safe},
    Filter{"select", filters::select},
    Filter{"selectattr", filters::select_attribute},
    Filter{"slice", filters::slice},
    Filter{"sort", filters::sort},
    Filter{"string", filters::string},
    Filter{"sum", filters::sum},
    Filter{"title", filters::title},
    Filter{"tojson", filters::tojson},
    Filter{"trim", filters::trim},
    Filter{"truncate", filters::truncate},
    Filter{"unique", filters::unique},
    Filter{"upper", filters::upper},
    Filter{"wordcount", filters::word_count},
};

constexpr std::array<std::string_view, 10> kRefused = {"attr",      "filesizeformat", "groupby", "pprint",   "random",
                                                       "striptags", "urlencode",      "urlize",  "wordwrap", "xmlattr"};

}  // namespace

const Filter* find_filter(std::string_view name) {
  const auto* const found =
      std::lower_bound(kFilters.begin(), kFilters.end(), name,
                       [](const Filter& filter, std::string_view wanted) { return filter.name < wanted; });
  return found != kFilters.end() && found->name == name ? &*found : nullptr;
}

bool is_refused_filter(std::string_view name) {
  return std::find(kRefused.begin(), kRefused.end(), name) != kRefused.end();
}

}  // namespace linnet::templates
