// SPDX-License-Identifier: Apache-2.0
#include "app/session/confirmation.hpp"

#include <poll.h>
#include <unistd.h>

#include <iostream>

#include "async/sleep.hpp"
#include "base/console.hpp"
#include "base/text.hpp"

namespace dynamirror::app {

async::Task<bool> answered_yes(Session& session, std::string question) {
  constexpr std::chrono::milliseconds kLook{50};
  console::ask(question + " [y/N]");
  while (!session.stop().requested()) {
    pollfd terminal{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
    if (::poll(&terminal, 1, 0) > 0) {
      std::string answer;
      std::getline(std::cin, answer);
      answer = to_lower(answer);
      co_return answer == "y" || answer == "yes";
    }
    co_await async::sleep_for(kLook);
  }
  co_return false;
}

}  // namespace dynamirror::app
