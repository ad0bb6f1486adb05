// The volume renderer's arithmetic for AVX2; CMakeLists.txt gives the flags.
#define NBF_ARITHMETIC arithmetic_avx2
#define NBF_ARITHMETIC_NAME "AVX2"
#include "volume_simd.h"
