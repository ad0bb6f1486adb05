// Cloth, texel by texel. See cloth.h.
#include "cloth.h"

#include <cstddef>

namespace {

// Python's remainder, which is never negative.
int wrapped(float x, int side) {
  const int rest = int(x) % side;
  return rest < 0 ? rest + side : rest;
}

}  // namespace

extern "C" void nbf_lay_cloth(
    const uint8_t* region, const float* place, int64_t count, const uint8_t* const* cloths,
    int32_t side, const float* lay, uint8_t* texture) {
  for (int64_t i = 0; i < count; ++i) {
    const uint8_t* cloth = cloths[region[i]];
    if (!cloth) continue;
    const float* how = lay + 3 * region[i];
    const int u = wrapped(place[2 * i] * how[0] + how[1], side);
    const int v = wrapped(place[2 * i + 1] * how[0] + how[2], side);
    const uint8_t* from = cloth + 3 * (size_t(v) * side + u);
    uint8_t* to = texture + 3 * i;
    to[0] = from[0], to[1] = from[1], to[2] = from[2];
  }
}
