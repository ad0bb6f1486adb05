// One triangle into a z-buffer: the plain form, and one for processors with AVX2 that gives the same
// bits. Which of them draws is decided at run time.
#pragma once
#include <cstddef>
#include <cstdint>

#include "raster_math.h"

namespace nbf {

struct DrawTarget {
  int width;
  int32_t* face_ids;
  float* barycentric;
  float* depth;
};

// Faces must come in rising order: of equal depths the one drawn first stays.
using DrawTriangle = void (*)(
    const Triangle& triangle, const PixelBox& box, int32_t face, const DrawTarget& out);

void draw_plain(const Triangle&, const PixelBox&, int32_t, const DrawTarget&);
void draw_avx2(const Triangle&, const PixelBox&, int32_t, const DrawTarget&);

}  // namespace nbf
