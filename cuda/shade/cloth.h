// Tiles of cloth laid over the texels of a body's texture.
#pragma once
#include <cstdint>

extern "C" {

// texture[i] = cloth[region[i]][int(v) mod side][int(u) mod side],
// (u, v) = place[i] * density + shift of that region; texels of regions without cloth stay.
void nbf_lay_cloth(
    const uint8_t* region,         // [count]
    const float* place,            // [count, 2] metres
    int64_t count,
    const uint8_t* const* cloths,  // [regions] pointers to [side, side, 3], null = no cloth
    int32_t side,
    const float* lay,              // [regions, 3] density (texels per metre), shift u, shift v
    uint8_t* texture               // in and out [count, 3]
);

}  // extern "C"
