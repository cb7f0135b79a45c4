// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "text.h"

static void reserve(struct text *text, size_t bytes)
{
	if (text->length + bytes <= text->room)
		return;
	text->room = (text->length + bytes) * 2;
	text->data = realloc(text->data, text->room);
	if (!text->data)
		abort();
}

void put(struct text *text, const char *format, ...)
{
	va_list arguments;
	int length;

	/* No line but those with names, which put_hex writes, is longer. */
	reserve(text, 512);
	va_start(arguments, format);
	length = vsnprintf(text->data + text->length, 512, format, arguments);
	va_end(arguments);
	if (length < 0 || length >= 512)
		abort();
	text->length += length;
}

void put_hex(struct text *text, struct pfs_bytes bytes)
{
	static const char digits[] = "0123456789abcdef";

	reserve(text, (size_t)bytes.length * 2);
	for (u32 i = 0; i < bytes.length; i++) {
		text->data[text->length++] = digits[bytes.data[i] >> 4];
		text->data[text->length++] = digits[bytes.data[i] & 15];
	}
}

void put_data(struct text *text, struct pfs_bytes bytes)
{
	if (bytes.length > text->bytes) {
		put(text, "\"#%u\"", bytes.length);
		return;
	}
	text->bytes -= bytes.length;
	put(text, "\"");
	put_hex(text, bytes);
	put(text, "\"");
}

bool more(struct text *text)
{
	if (text->elements == 0) {
		put(text, "\"...\"");
		return false;
	}
	text->elements--;
	return true;
}
