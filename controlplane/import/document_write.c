/* SPDX-License-Identifier: BSD-3-Clause */
/* Writing a document: libyaml writes the values, and the comments are put in between; see
 * document.h. */
#include "controlplane/import/document_data.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <yaml.h>

#define COMMENT_WIDTH 110
#define FILL_MARK "FILL IN: "

struct writer {
	yaml_emitter_t emitter;
	FILE *out;
	unsigned int line; /* Being written, without comments. */
	bool failed;
};

static int
write_bytes(void *ctx, unsigned char *bytes, size_t size)
{
	struct writer *writer = ctx;

	return fwrite(bytes, 1, size, writer->out) == size;
}

/* Hands the event over to libyaml; 'made' says whether there was memory to make it. */
static void
emit(struct writer *writer, yaml_event_t *event, int made)
{
	if (writer->failed) {
		if (made)
			yaml_event_delete(event);
		return;
	}
	if (!made || !yaml_emitter_emit(&writer->emitter, event))
		writer->failed = true;
}

static void
emit_text(struct writer *writer, const char *text)
{
	/* libyaml wants them without const, and leaves them alone. */
	union {
		const char *text;
		yaml_char_t *bytes;
	} value = {.text = text};
	yaml_scalar_style_t style = YAML_PLAIN_SCALAR_STYLE;
	yaml_event_t event;

	/* An empty text must be told from nothing; a line break would need lines of its own. */
	if (*text == '\0' || strpbrk(text, "\n\r") || strstr(text, "\xc2\x85") ||
		strstr(text, "\xe2\x80\xa8") || strstr(text, "\xe2\x80\xa9"))
		style = YAML_DOUBLE_QUOTED_SCALAR_STYLE;
	emit(writer, &event,
		yaml_scalar_event_initialize(
			&event, NULL, NULL, value.bytes, (int)strlen(text), 1, 1, style));
}

/* libyaml writes an empty collection as "[]" or "{}" behind its key. */
static bool
is_one_line(const struct document_node *node)
{
	return node->kind == DOCUMENT_TEXT || node->flow || !node->first;
}

static void
begin(struct writer *writer, const struct document_node *node)
{
	yaml_event_t event;

	if (node->kind == DOCUMENT_MAP)
		emit(writer, &event,
			yaml_mapping_start_event_initialize(&event, NULL, NULL, 1,
				node->flow ? YAML_FLOW_MAPPING_STYLE : YAML_BLOCK_MAPPING_STYLE));
	else
		emit(writer, &event,
			yaml_sequence_start_event_initialize(&event, NULL, NULL, 1,
				node->flow ? YAML_FLOW_SEQUENCE_STYLE : YAML_BLOCK_SEQUENCE_STYLE));
}

static void
end(struct writer *writer, const struct document_node *node)
{
	yaml_event_t event;

	emit(writer, &event,
		node->kind == DOCUMENT_MAP ? yaml_mapping_end_event_initialize(&event)
					   : yaml_sequence_end_event_initialize(&event));
}

/* Documents are a few levels deep: the code that builds them decides. */
static void
emit_node(struct writer *writer, struct document_node *node) /* NOLINT(misc-no-recursion) */
{
	if (node->kind == DOCUMENT_TEXT) {
		emit_text(writer, node->text);
		return;
	}
	begin(writer, node);
	for (struct document_node *child = node->first; child; child = child->next) {
		child->line = writer->line;
		if (child->key)
			emit_text(writer, child->key);
		/* "- key: value": a map in a list begins on the line of its first key. */
		if (!node->flow && is_one_line(child)) {
			emit_node(writer, child);
			writer->line++;
			continue;
		}
		writer->line += !node->flow && child->key;
		emit_node(writer, child);
	}
	end(writer, node);
}

/* Writes the document without its comments; '*out' is the caller's to free. */
static int
emit_document(struct document *document, char **out, size_t *size)
{
	struct writer writer = {.out = open_memstream(out, size)};
	yaml_event_t event;

	if (!writer.out)
		return -ENOMEM;
	if (!yaml_emitter_initialize(&writer.emitter)) {
		fclose(writer.out);
		return -ENOMEM;
	}
	yaml_emitter_set_output(&writer.emitter, write_bytes, &writer);
	yaml_emitter_set_width(&writer.emitter, -1);
	yaml_emitter_set_unicode(&writer.emitter, 1);
	emit(&writer, &event, yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING));
	emit(&writer, &event, yaml_document_start_event_initialize(&event, NULL, NULL, NULL, 1));
	emit_node(&writer, &document->root);
	emit(&writer, &event, yaml_document_end_event_initialize(&event, 1));
	emit(&writer, &event, yaml_stream_end_event_initialize(&event));
	yaml_emitter_delete(&writer.emitter);
	return fclose(writer.out) != 0 || writer.failed ? -ENOMEM : 0;
}

/* --- Comments --- */

/* The document with its comments. */
struct weaver {
	FILE *out;
	unsigned int line; /* Written so far. */
	const char *from;  /* What is left of the document without comments. */
	unsigned int from_line;
};

static void
copy_line(struct weaver *weaver)
{
	size_t size = strcspn(weaver->from, "\n");

	size += weaver->from[size] == '\n';
	fwrite(weaver->from, 1, size, weaver->out);
	weaver->from += size;
	weaver->from_line++;
	weaver->line++;
}

/* One comment, at 'indent', broken between words. */
static void
write_comment(struct weaver *weaver, struct document_comment *comment, int indent)
{
	const char *word = comment->text;
	size_t column = 0;

	comment->line = weaver->line + 1;
	while (*word || column == 0) {
		size_t size = strcspn(word, " ");

		if (column > 0 && column + 1 + size > COMMENT_WIDTH) {
			fputs("\n", weaver->out);
			column = 0;
		}
		if (column == 0) {
			bool first = word == comment->text;
			const char *mark = !first ? "  " : comment->fill ? FILL_MARK : "";

			fprintf(weaver->out, "%*s# %s", indent, "", mark);
			column = (size_t)indent + 2 + strlen(mark);
			weaver->line++;
		} else {
			fputs(" ", weaver->out);
			column++;
		}
		fwrite(word, 1, size, weaver->out);
		column += size;
		word += size;
		word += strspn(word, " ");
	}
	fputs("\n", weaver->out);
}

static void
write_comments(struct weaver *weaver, struct document_node *node, int indent)
{
	for (struct document_comment *comment = node->comments; comment; comment = comment->next)
		write_comment(weaver, comment, indent);
}

static void
weave(struct weaver *weaver, struct document_node *node, int depth) /* NOLINT(misc-no-recursion) */
{
	for (struct document_node *child = node->first; child; child = child->next) {
		while (weaver->from_line < child->line && *weaver->from)
			copy_line(weaver);
		if (depth == 0 && weaver->line > 0)
			weaver->line += fputs("\n", weaver->out) >= 0;
		write_comments(weaver, child, (int)strspn(weaver->from, " "));
		if (!child->flow)
			weave(weaver, child, depth + 1);
	}
}

int
document_write(struct document *document, char **text, size_t *size, struct err *err)
{
	struct weaver weaver = {.out = NULL};
	char *bare = NULL;
	size_t bare_size = 0;
	int rc = document->failed ? -ENOMEM : emit_document(document, &bare, &bare_size);

	if (rc == 0) {
		weaver.out = open_memstream(text, size);
		weaver.from = bare;
		rc = weaver.out ? 0 : -ENOMEM;
	}
	if (rc == 0) {
		write_comments(&weaver, &document->head, 0);
		weave(&weaver, &document->root, 0);
		while (*weaver.from)
			copy_line(&weaver);
		if (fclose(weaver.out) != 0) {
			free(*text);
			rc = -ENOMEM;
		}
	}
	free(bare);
	return rc < 0 ? err_set(err, rc, "out of memory while writing the cluster file") : 0;
}

/* Calls 'each' for the comments of a kind in 'node' and below it; counts them. */
static size_t
each_of(const struct document_node *node, bool fill, /* NOLINT(misc-no-recursion) */
	void (*each)(void *ctx, unsigned int line, const char *text), void *ctx)
{
	size_t n = 0;

	for (const struct document_comment *comment = node->comments; comment;
		comment = comment->next) {
		if (comment->fill != fill)
			continue;
		if (each)
			each(ctx, comment->line, comment->text);
		n++;
	}
	for (const struct document_node *child = node->first; child; child = child->next)
		n += each_of(child, fill, each, ctx);
	return n;
}

size_t
document_each_fill(const struct document *document,
	void (*each)(void *ctx, unsigned int line, const char *text), void *ctx)
{
	return each_of(&document->head, true, each, ctx) +
	       each_of(&document->root, true, each, ctx);
}

size_t
document_n_comments(const struct document *document)
{
	return each_of(&document->head, false, NULL, NULL) +
	       each_of(&document->root, false, NULL, NULL);
}
