// Switches an evaluator to other slots and another output until the scope ends.
#pragma once

#include <string>
#include <utility>

#include "runtime/text/template/evaluator.h"

namespace linnet::templates {

class Evaluator::ActivationScope {
 public:
  ActivationScope(Evaluator& evaluator, Activation* activation, std::string* out)
      : evaluator_(evaluator),
        activation_(std::exchange(evaluator.activation_, activation)),
        out_(std::exchange(evaluator.out_, out)) {}
  ActivationScope(const ActivationScope&) = delete;
  ActivationScope& operator=(const ActivationScope&) = delete;
  ~ActivationScope() {
    evaluator_.activation_ = activation_;
    evaluator_.out_ = out_;
  }

 private:
  Evaluator& evaluator_;
  Activation* activation_;
  std::string* out_;
};

}  // namespace linnet::templates
