// The volume renderer's arithmetic for AVX-512; CMakeLists.txt gives the flags.
#define NBF_ARITHMETIC arithmetic_avx512
#define NBF_ARITHMETIC_NAME "AVX-512"
#include "volume_simd.h"
