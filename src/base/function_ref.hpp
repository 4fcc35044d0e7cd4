// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <type_traits>
#include <utility>

namespace dynamirror {

template <class Signature>
class FunctionRef;

/// A borrowed callable: two pointers, no allocation. Valid while the callable it was made from lives; meant for
/// parameters only.
template <class Out, class... In>
class FunctionRef<Out(In...)> {
 public:
  template <class Callable>
    requires(!std::is_same_v<std::remove_cvref_t<Callable>, FunctionRef> &&
             std::is_invocable_r_v<Out, Callable&, In...>)
  FunctionRef(Callable&& callable)  // NOLINT(google-explicit-constructor): the point is to pass a lambda
      : object_(const_cast<void*>(static_cast<const void*>(std::addressof(callable)))),
        call_([](void* object, In... in) -> Out {
          return (*static_cast<std::remove_reference_t<Callable>*>(object))(std::forward<In>(in)...);
        }) {}

  Out operator()(In... in) const { return call_(object_, std::forward<In>(in)...); }

 private:
  void* object_;
  Out (*call_)(void*, In...);
};

}  // namespace dynamirror
