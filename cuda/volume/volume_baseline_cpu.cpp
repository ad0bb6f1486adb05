// The volume renderer's arithmetic for baseline; CMakeLists.txt gives the flags.
#define NBF_ARITHMETIC arithmetic_baseline
#define NBF_ARITHMETIC_NAME "baseline"
#include "volume_simd.h"
