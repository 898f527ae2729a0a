/*
 * real: files that are compiled once per type of number.
 *
 * Such a file includes this one and computes in `real`; headers say ntk_real, and NTK_REAL is the dtype.  It is compiled as it is, for f64, and
 * again with NTK_SINGLE, for f32 (single_sources in the meson.build of its room); then the names of its functions end in _f32, by the list in
 * single.h of its room.  What it has but once (the door; what asks no numbers) stands between #if !defined(NTK_SINGLE) and #endif.  Files
 * that are compiled once see types and names of f64, and reach those of f32 through tables by dtype (docs/adr/0012).
 */
#ifndef NTK_REAL_H
#define NTK_REAL_H

#include "core.h"

typedef ntk_real real;

#endif
