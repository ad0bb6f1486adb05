// The arithmetic of volume_tasks.h for one instruction set: included by volume_<name>_cpu.cpp, which
// names it NBF_ARITHMETIC and is compiled with its flags.
#pragma once
#include "volume_fused_simd.h"

namespace nbf {

const Arithmetic* NBF_ARITHMETIC() {
  static const Arithmetic functions{NBF_ARITHMETIC_NAME, list_tile, weigh, weigh_backward,
                                    composite, composite_backward, emit, explain_tile};
  return &functions;
}

}  // namespace nbf
