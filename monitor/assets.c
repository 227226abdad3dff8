/* SPDX-License-Identifier: BSD-3-Clause */
/* Files of the page; see assets.h. The build embeds their bytes between these symbols. */
#include "monitor/assets.h"

#include <string.h>

extern const char page_index_html[], page_index_html_end[];
extern const char page_page_css[], page_page_css_end[];
extern const char page_page_js[], page_page_js_end[];
extern const char page_icon_svg[], page_icon_svg_end[];

static const struct embedded {
	const char *path, *content_type;
	const char *start, *end;
} embedded[] = {
	{"/", "text/html; charset=utf-8", page_index_html, page_index_html_end},
	{"/page.css", "text/css; charset=utf-8", page_page_css, page_page_css_end},
	{"/page.js", "text/javascript; charset=utf-8", page_page_js, page_page_js_end},
	{"/icon.svg", "image/svg+xml", page_icon_svg, page_icon_svg_end},
};

bool
asset_find(const char *path, struct asset *out)
{
	for (size_t i = 0; i < sizeof(embedded) / sizeof(embedded[0]); i++) {
		if (strcmp(embedded[i].path, path) != 0)
			continue;
		out->content_type = embedded[i].content_type;
		out->data = embedded[i].start;
		out->size = (size_t)(embedded[i].end - embedded[i].start);
		return true;
	}
	return false;
}
