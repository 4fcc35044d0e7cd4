// SPDX-License-Identifier: Apache-2.0
#include "app/run/run.hpp"

int main(int argc, char** argv) { return dynamirror::app::run(argc, argv); }
