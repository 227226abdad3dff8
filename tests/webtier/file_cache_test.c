/* SPDX-License-Identifier: BSD-3-Clause */
#include "webtier/file_cache.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define NOW UINT64_C(1000000000000)

/* A folder with a site in it, "root", and a secret beside it. */
struct scene {
	char folder[32];
	char root[48];
	struct web_config web;
	struct mime_types *types;
	struct file_cache *cache;
};

static void
write_file(const struct scene *scene, const char *name, const char *content)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", scene->folder, name);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(content, file);
	fclose(file);
}

static void
link_file(const struct scene *scene, const char *target, const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", scene->folder, name);
	unlink(path);
	assert_int_equal(symlink(target, path), 0);
}

static void
set_up(struct scene *scene, uint64_t bytes_max)
{
	char path[96];
	struct err err;

	memset(scene, 0, sizeof(*scene));
	snprintf(scene->folder, sizeof(scene->folder), "/tmp/weir-files-XXXXXX");
	assert_non_null(mkdtemp(scene->folder));
	snprintf(scene->root, sizeof(scene->root), "%s/root", scene->folder);
	assert_int_equal(mkdir(scene->root, 0755), 0);
	snprintf(path, sizeof(path), "%s/sub", scene->root);
	assert_int_equal(mkdir(path, 0755), 0);
	write_file(scene, "secret.txt", "secret");
	write_file(scene, "root/a.txt", "hello");
	write_file(scene, "root/sub/b.html", "<p>");
	assert_int_equal(mime_types_new(&scene->types, "/nonexistent"), 0);
	scene->web.root = scene->root;
	assert_int_equal(
		file_cache_new(&scene->cache, &scene->web, scene->types, bytes_max, &err), 0);
}

static void
tear_down(struct scene *scene)
{
	char command[64];

	file_cache_free(scene->cache);
	mime_types_free(scene->types);
	snprintf(command, sizeof(command), "rm -r %s", scene->folder);
	assert_int_equal(system(command), 0);
}

static void
files_below_the_root_are_found(void **state)
{
	const struct cached_file *file = NULL;
	const struct cached_file *again = NULL;
	struct scene scene;

	(void)state;
	set_up(&scene, 1 << 20);
	assert_int_equal(file_cache_get(scene.cache, "a.txt", NOW, &file), FILE_FOUND);
	assert_int_equal(file->size, 5);
	assert_string_equal(file->type, "text/plain; charset=utf-8");
	assert_non_null(file->whole);
	assert_int_equal(file_cache_get(scene.cache, "a.txt", NOW, &again), FILE_FOUND);
	assert_ptr_equal(file, again);
	assert_int_equal(file_cache_get(scene.cache, "sub/b.html", NOW, &file), FILE_FOUND);
	assert_int_equal(file_cache_get(scene.cache, "sub", NOW, &file), FILE_FOLDER);
	assert_int_equal(file_cache_get(scene.cache, "sub/", NOW, &file), FILE_FOLDER);
	assert_int_equal(file_cache_get(scene.cache, "none", NOW, &file), FILE_ABSENT);
	assert_int_equal(file_cache_get(scene.cache, "a.txt/x", NOW, &file), FILE_ABSENT);
	tear_down(&scene);
}

static void
no_name_and_no_link_leads_out_of_the_root(void **state)
{
	const struct cached_file *file = NULL;
	struct scene scene;
	char path[96];

	(void)state;
	set_up(&scene, 1 << 20);
	link_file(&scene, "../secret.txt", "root/out.txt");
	link_file(&scene, "/etc/passwd", "root/passwd");
	link_file(&scene, "..", "root/up");
	link_file(&scene, "../a.txt", "root/sub/in.txt");
	link_file(&scene, "loop", "root/loop");
	snprintf(path, sizeof(path), "%s/pipe", scene.root);
	assert_int_equal(mkfifo(path, 0644), 0);
	assert_int_equal(file_cache_get(scene.cache, "../secret.txt", NOW, &file), FILE_ABSENT);
	assert_int_equal(file_cache_get(scene.cache, "/etc/passwd", NOW, &file), FILE_ABSENT);
	assert_int_equal(file_cache_get(scene.cache, "out.txt", NOW, &file), FILE_ABSENT);
	assert_int_equal(file_cache_get(scene.cache, "passwd", NOW, &file), FILE_ABSENT);
	assert_int_equal(file_cache_get(scene.cache, "up/secret.txt", NOW, &file), FILE_ABSENT);
	assert_int_equal(file_cache_get(scene.cache, "loop", NOW, &file), FILE_ABSENT);
	assert_int_equal(file_cache_get(scene.cache, "pipe", NOW, &file), FILE_ABSENT);
	assert_int_equal(file_cache_get(scene.cache, "sub/in.txt", NOW, &file), FILE_FOUND);
	tear_down(&scene);
}

static void
a_change_is_seen_after_a_second(void **state)
{
	const struct cached_file *file = NULL;
	struct scene scene;
	char etag[64];

	(void)state;
	set_up(&scene, 1 << 20);
	assert_int_equal(file_cache_get(scene.cache, "a.txt", NOW, &file), FILE_FOUND);
	snprintf(etag, sizeof(etag), "%s", file->validators.etag);
	write_file(&scene, "root/a.txt", "changed!");
	assert_int_equal(file_cache_get(scene.cache, "a.txt", NOW + 1, &file), FILE_FOUND);
	assert_int_equal(file->size, 5);
	assert_int_equal(file_cache_get(scene.cache, "a.txt", NOW + FILE_CACHE_BELIEVE_NS, &file),
		FILE_FOUND);
	assert_int_equal(file->size, 8);
	assert_string_not_equal(etag, file->validators.etag);

	link_file(&scene, "../secret.txt", "root/a.txt");
	assert_int_equal(
		file_cache_get(scene.cache, "a.txt", NOW + 2 * FILE_CACHE_BELIEVE_NS, &file),
		FILE_ABSENT);
	tear_down(&scene);
}

static void
a_root_that_is_a_link_can_be_switched(void **state)
{
	const struct cached_file *file = NULL;
	struct file_cache *cache = NULL;
	struct web_config web = {0};
	struct scene scene;
	struct err err;
	char path[96];

	(void)state;
	set_up(&scene, 1 << 20);
	snprintf(path, sizeof(path), "%s/next", scene.folder);
	assert_int_equal(mkdir(path, 0755), 0);
	write_file(&scene, "next/a.txt", "the next one");
	link_file(&scene, "root", "live");
	snprintf(path, sizeof(path), "%s/live", scene.folder);
	web.root = path;
	assert_int_equal(file_cache_new(&cache, &web, scene.types, 1 << 20, &err), 0);
	assert_int_equal(file_cache_get(cache, "a.txt", NOW, &file), FILE_FOUND);
	assert_int_equal(file->size, 5);
	link_file(&scene, "next", "live");
	assert_int_equal(
		file_cache_get(cache, "a.txt", NOW + FILE_CACHE_BELIEVE_NS, &file), FILE_FOUND);
	assert_int_equal(file->size, 12);
	file_cache_free(cache);
	tear_down(&scene);
}

static void
memory_stays_within_its_limit(void **state)
{
	static char content[4097];
	const struct cached_file *file = NULL;
	const struct cached_file *again = NULL;
	struct scene scene;
	char name[32];

	(void)state;
	memset(content, 'x', sizeof(content) - 1);
	set_up(&scene, 3 * 4096);
	for (int i = 0; i < 5; i++) {
		snprintf(name, sizeof(name), "root/f%d", i);
		write_file(&scene, name, content);
	}
	for (int i = 0; i < 5; i++) {
		snprintf(name, sizeof(name), "f%d", i);
		assert_int_equal(file_cache_get(scene.cache, name, NOW, &file), FILE_FOUND);
		/* The first stays because it is used again and again. */
		assert_int_equal(file_cache_get(scene.cache, "f0", NOW, &again), FILE_FOUND);
		assert_int_equal(again->size, 4096);
	}
	/* It is still the entry of the start: the content on disk is not looked at. */
	write_file(&scene, "root/f0", "");
	write_file(&scene, "root/f1", "");
	assert_int_equal(file_cache_get(scene.cache, "f0", NOW, &file), FILE_FOUND);
	assert_int_equal(file->size, 4096);
	assert_int_equal(file_cache_get(scene.cache, "f1", NOW, &file), FILE_FOUND);
	assert_int_equal(file->size, 0);
	tear_down(&scene);
}

static void
a_root_that_cannot_be_served_is_named(void **state)
{
	struct file_cache *cache = NULL;
	struct web_config web = {.root = "/nonexistent/site"};
	struct err err;

	(void)state;
	assert_true(file_cache_new(&cache, &web, NULL, 1, &err) < 0);
	assert_null(cache);
	assert_non_null(strstr(err.text, "/nonexistent/site"));
	web.root = "/etc/passwd";
	assert_true(file_cache_new(&cache, &web, NULL, 1, &err) < 0);
}

int
main(void)
{
	const struct CMUnitTest cases[] = {
		cmocka_unit_test(files_below_the_root_are_found),
		cmocka_unit_test(no_name_and_no_link_leads_out_of_the_root),
		cmocka_unit_test(a_change_is_seen_after_a_second),
		cmocka_unit_test(a_root_that_is_a_link_can_be_switched),
		cmocka_unit_test(memory_stays_within_its_limit),
		cmocka_unit_test(a_root_that_cannot_be_served_is_named),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}
