// SPDX-License-Identifier: Apache-2.0
#include "async/scoped_executor.hpp"

#include <boost/asio/execution.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/query.hpp>
#include <boost/asio/require.hpp>
#include <type_traits>
#include <utility>

namespace dynamirror::async {
namespace {

namespace asio = boost::asio;

/// Small enough for any_io_executor to hold it without an allocation when Inner is an event loop's own executor: it is
/// copied several times for each completion.
template <class Inner>
class ScopedExecutor {
 public:
  ScopedExecutor(Inner inner, log::ScopeName name) noexcept : inner_(std::move(inner)), name_(name) {}

  template <class Property>
    requires asio::can_query<const Inner&, Property>::value
  [[nodiscard]] decltype(auto) query(const Property& property) const {
    return asio::query(inner_, property);
  }

  template <class Property>
    requires asio::can_require<const Inner&, Property>::value
  [[nodiscard]] auto require(const Property& property) const {
    return with(asio::require(inner_, property));
  }

  template <class Property>
    requires asio::can_prefer<const Inner&, Property>::value
  [[nodiscard]] auto prefer(const Property& property) const {
    return with(asio::prefer(inner_, property));
  }

  template <class Function>
  void execute(Function&& function) const {
    inner_.execute([name = name_, turn = std::decay_t<Function>(std::forward<Function>(function))]() mutable {
      const log::Scope scope(name);
      std::move(turn)();
    });
  }

  friend bool operator==(const ScopedExecutor& one, const ScopedExecutor& other) noexcept {
    return one.inner_ == other.inner_ && one.name_ == other.name_;
  }
  friend bool operator!=(const ScopedExecutor& one, const ScopedExecutor& other) noexcept { return !(one == other); }

 private:
  template <class Other>
  [[nodiscard]] ScopedExecutor<std::decay_t<Other>> with(Other&& inner) const {
    return {std::forward<Other>(inner), name_};
  }

  Inner inner_;
  log::ScopeName name_;
};

}  // namespace

asio::any_io_executor scoped(asio::any_io_executor executor, log::ScopeName name) {
  if (name == nullptr) return executor;
  if (const auto* loop = executor.target<asio::io_context::executor_type>()) return ScopedExecutor(*loop, name);
  return ScopedExecutor(std::move(executor), name);
}

}  // namespace dynamirror::async
