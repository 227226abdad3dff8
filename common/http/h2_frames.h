/* SPDX-License-Identifier: BSD-3-Clause */
/* Inside of HTTP/2: what nghttp2 reports of a session's frames, and how much of that is too much.
 */
#ifndef COMMON_HTTP_H2_FRAMES_H
#define COMMON_HTTP_H2_FRAMES_H

#include "common/http/h2_session.h"

void h2_frames_set_callbacks(nghttp2_session_callbacks *callbacks);

#endif /* COMMON_HTTP_H2_FRAMES_H */
