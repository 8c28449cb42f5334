/* SPDX-License-Identifier: MIT */
#include "commands/missing_fonts.h"

#include <glib.h>

#include "base/message.h"
#include "base/utf8.h"

/* Characters of a script that the note shows. */
enum { SHOWN_MAX = 5 };

/* Scripts whose name and package people look for; the others are in fonts-noto-core. */
static const struct script {
	GUnicodeScript code;
	const char *name, *package;
} scripts[] = {
	{ G_UNICODE_SCRIPT_LATIN, "Latin", "fonts-dejavu-core" },
	{ G_UNICODE_SCRIPT_GREEK, "Greek", "fonts-dejavu-core" },
	{ G_UNICODE_SCRIPT_CYRILLIC, "Cyrillic", "fonts-dejavu-core" },
	{ G_UNICODE_SCRIPT_HAN, "Chinese characters", "fonts-noto-cjk" },
	{ G_UNICODE_SCRIPT_HIRAGANA, "Hiragana", "fonts-noto-cjk" },
	{ G_UNICODE_SCRIPT_KATAKANA, "Katakana", "fonts-noto-cjk" },
	{ G_UNICODE_SCRIPT_HANGUL, "Hangul", "fonts-noto-cjk" },
	{ G_UNICODE_SCRIPT_BOPOMOFO, "Bopomofo", "fonts-noto-cjk" },
	{ G_UNICODE_SCRIPT_ARABIC, "Arabic", "fonts-noto-core" },
	{ G_UNICODE_SCRIPT_HEBREW, "Hebrew", "fonts-noto-core" },
	{ G_UNICODE_SCRIPT_DEVANAGARI, "Devanagari", "fonts-noto-core" },
	{ G_UNICODE_SCRIPT_BENGALI, "Bengali", "fonts-noto-core" },
	{ G_UNICODE_SCRIPT_GURMUKHI, "Gurmukhi", "fonts-noto-core" },
	{ G_UNICODE_SCRIPT_GUJARATI, "Gujarati", "fonts-noto-core" },
	{ G_UNICODE_SCRIPT_TAMIL, "Tamil", "fonts-noto-core" },
	{ G_UNICODE_SCRIPT_TELUGU, "Telugu", "fonts-noto-core" },
	{ G_UNICODE_SCRIPT_KANNADA, "Kannada", "fonts-noto-core" },
	{ G_UNICODE_SCRIPT_MALAYALAM, "Malayalam", "fonts-noto-core" },
	{ G_UNICODE_SCRIPT_SINHALA, "Sinhala", "fonts-noto-core" },
	{ G_UNICODE_SCRIPT_THAI, "Thai", "fonts-noto-core" },
	{ G_UNICODE_SCRIPT_LAO, "Lao", "fonts-noto-core" },
	{ G_UNICODE_SCRIPT_KHMER, "Khmer", "fonts-noto-core" },
	{ G_UNICODE_SCRIPT_MYANMAR, "Myanmar", "fonts-noto-core" },
	{ G_UNICODE_SCRIPT_TIBETAN, "Tibetan", "fonts-noto-core" },
	{ G_UNICODE_SCRIPT_ETHIOPIC, "Ethiopic", "fonts-noto-core" },
	{ G_UNICODE_SCRIPT_ARMENIAN, "Armenian", "fonts-noto-core" },
	{ G_UNICODE_SCRIPT_GEORGIAN, "Georgian", "fonts-noto-core" },
};

static const struct script others = { G_UNICODE_SCRIPT_UNKNOWN, "other scripts", "fonts-noto-core" };
static const struct script symbols = { G_UNICODE_SCRIPT_COMMON, "symbols", "fonts-noto-core" };
static const struct script emoji = { G_UNICODE_SCRIPT_COMMON, "emoji", "fonts-noto-color-emoji" };
static const struct script wide = { G_UNICODE_SCRIPT_COMMON, "wide punctuation", "fonts-noto-cjk" };
static const struct script private = { G_UNICODE_SCRIPT_UNKNOWN, "for private use: no package has them", NULL };

static const struct script *script_of(uint32_t code)
{
	GUnicodeScript script = g_unichar_get_script(code);
	if (g_unichar_type(code) == G_UNICODE_PRIVATE_USE)
		return &private;
	for (size_t i = 0; i < sizeof scripts / sizeof *scripts; i++)
		if (scripts[i].code == script)
			return &scripts[i];
	if (script != G_UNICODE_SCRIPT_COMMON && script != G_UNICODE_SCRIPT_INHERITED)
		return &others;
	if ((code >= 0x1F000 && code <= 0x1FBFF) || (code >= 0x2600 && code <= 0x27BF))
		return &emoji;
	if ((code >= 0x3000 && code <= 0x33FF) || (code >= 0xFE30 && code <= 0xFFEF))
		return &wide;
	return &symbols;
}

static bool is_first(const struct missing_characters *missing, int at, const struct script *script)
{
	for (int i = 0; i < at; i++)
		if (script_of(missing->code[i]) == script)
			return false;
	return true;
}

static void add_script(const struct missing_characters *missing, int first, const struct script *script, struct strbuf *out)
{
	int shown = 0;
	for (int i = first; i < missing->count; i++) {
		if (script_of(missing->code[i]) != script)
			continue;
		if (shown++ == SHOWN_MAX) {
			strbuf_addstr(out, " ...");
			break;
		}
		strbuf_addstr(out, shown > 1 ? " " : "");
		utf8_append(out, (int32_t)missing->code[i]);
	}
	strbuf_addf(out, " (%s%s%s)", script->name, script->package ? ": " : "", script->package ? script->package : "");
}

static bool has_ascii(const struct missing_characters *missing)
{
	for (int i = 0; i < missing->count; i++)
		if (missing->code[i] < 0x80)
			return true;
	return false;
}

void missing_fonts_describe(const struct missing_characters *missing, struct strbuf *out)
{
	if (has_ascii(missing)) {
		strbuf_addstr(out, "there are no fonts: every letter is a box; Debian has them in fonts-dejavu-core");
		return;
	}
	strbuf_addstr(out, "no font has ");
	for (int i = 0, listed = 0; i < missing->count; i++) {
		const struct script *script = script_of(missing->code[i]);
		if (!is_first(missing, i, script))
			continue;
		strbuf_addstr(out, listed++ ? ", " : "");
		add_script(missing, i, script, out);
	}
	strbuf_addstr(out, ": drawn as boxes; the names are those of Debian's packages");
}

void missing_fonts_note(const struct missing_characters *missing)
{
	struct strbuf text;
	if (missing->count == 0)
		return;
	strbuf_init(&text);
	missing_fonts_describe(missing, &text);
	message_note("%s", strbuf_failed(&text) ? "no font has some of the characters" : text.buf);
	strbuf_release(&text);
}
