// Four pixels of a row at once, by the arithmetic of raster_math.h number for number (no fused
// multiply-adds): `draw_plain` in raster_cpu.cpp is the readable form.
#include "raster_draw.h"

#if defined(NBF_X86_VARIANTS)
#include <immintrin.h>

#include <algorithm>

namespace {

using Four = __m256d;

Four all(double x) { return _mm256_set1_pd(x); }

// (to.x - from.x) * (py - from.y) - (to.y - from.y) * (px - from.x), times 1 / area.
struct Edge {
  double from_x, dx, dy, from_y;

  Edge(const nbf::ScreenPoint& from, const nbf::ScreenPoint& to)
      : from_x(from.x), dx(to.x - from.x), dy(to.y - from.y), from_y(from.y) {}

  Four weight(double row, Four px, Four inverse_area) const {
    const Four slope = _mm256_mul_pd(all(dy), _mm256_sub_pd(px, all(from_x)));
    return _mm256_mul_pd(_mm256_sub_pd(all(row), slope), inverse_area);
  }

  double row(double py) const { return dx * (py - from_y); }
};

Four not_negative(Four x) { return _mm256_cmp_pd(x, _mm256_setzero_pd(), _CMP_GE_OQ); }

// The low halves of four 64-bit masks.
__m128i narrow(Four mask) {
  const __m256i order = _mm256_setr_epi32(0, 2, 4, 6, 0, 2, 4, 6);
  return _mm256_castsi256_si128(_mm256_permutevar8x32_epi32(_mm256_castpd_si256(mask), order));
}

// Depth, face and perspective-correct weights where they are nearer than what is there.
void store_if_nearer(
    const nbf::Triangle& t, Four a, Four b, Four c, Four inside, int32_t face, size_t pixel,
    const nbf::DrawTarget& out) {
  a = _mm256_mul_pd(a, all(t.a.inverse_z));
  b = _mm256_mul_pd(b, all(t.b.inverse_z));
  c = _mm256_mul_pd(c, all(t.c.inverse_z));
  const Four z = _mm256_div_pd(all(1.0), _mm256_add_pd(_mm256_add_pd(a, b), c));
  const __m128 depth = _mm256_cvtpd_ps(z);
  const __m128i here = narrow(inside);
  const __m128 before = _mm_maskload_ps(out.depth + pixel, here);
  const __m128 nearer = _mm_and_ps(_mm_cmplt_ps(depth, before), _mm_castsi128_ps(here));
  int left = _mm_movemask_ps(nearer);
  if (!left) return;
  const __m128i chosen = _mm_castps_si128(nearer);
  _mm_maskstore_ps(out.depth + pixel, chosen, depth);
  _mm_maskstore_epi32(out.face_ids + pixel, chosen, _mm_set1_epi32(face));
  __m128 row0 = _mm256_cvtpd_ps(_mm256_mul_pd(a, z)), row1 = _mm256_cvtpd_ps(_mm256_mul_pd(b, z));
  __m128 row2 = _mm256_cvtpd_ps(_mm256_mul_pd(c, z)), row3 = _mm_setzero_ps();
  _MM_TRANSPOSE4_PS(row0, row1, row2, row3);
  const __m128 rows[4] = {row0, row1, row2, row3};
  const __m128i three = _mm_setr_epi32(-1, -1, -1, 0);
  for (; left; left &= left - 1) {
    const int k = __builtin_ctz(left);
    _mm_maskstore_ps(out.barycentric + 3 * (pixel + k), three, rows[k]);
  }
}

}  // namespace

void nbf::draw_avx2(
    const Triangle& triangle, const PixelBox& box, int32_t face, const DrawTarget& out) {
  const Four inverse_area = all(1.0 / triangle.area);
  const Edge a(triangle.b, triangle.c), b(triangle.c, triangle.a), c(triangle.a, triangle.b);
  const Four middles = _mm256_setr_pd(0.5, 1.5, 2.5, 3.5), lanes = _mm256_setr_pd(0, 1, 2, 3);
  for (int y = box.y0; y <= box.y1; ++y) {
    const double py = y + 0.5, row_a = a.row(py), row_b = b.row(py), row_c = c.row(py);
    bool entered = false;
    for (int x = box.x0; x <= box.x1; x += 4) {
      const Four px = _mm256_add_pd(all(x), middles);
      const Four wa = a.weight(row_a, px, inverse_area), wb = b.weight(row_b, px, inverse_area);
      const Four wc = c.weight(row_c, px, inverse_area);
      const Four in_box = _mm256_cmp_pd(lanes, all(box.x1 - x), _CMP_LE_OQ);
      const Four inside = _mm256_and_pd(_mm256_and_pd(not_negative(wa), not_negative(wb)),
                                        _mm256_and_pd(not_negative(wc), in_box));
      if (_mm256_movemask_pd(inside)) {
        entered = true;
        store_if_nearer(triangle, wa, wb, wc, inside, face, size_t(y) * out.width + x, out);
      } else if (entered) {
        break;
      }
    }
  }
}

#endif
