/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Code generated from schema/ascii.ts by make codegen. DO NOT EDIT. */
#ifndef _PFS_ASCII_H
#define _PFS_ASCII_H

#include "../format_base.h"

#define PFS_TAB 0x9
#define PFS_LINE_FEED 0xa
#define PFS_RETURN 0xd
#define PFS_SPACE 0x20
#define PFS_QUOTE 0x22
#define PFS_PLUS 0x2b
#define PFS_COMMA 0x2c
#define PFS_MINUS 0x2d
#define PFS_PERIOD 0x2e
#define PFS_SLASH 0x2f
#define PFS_ZERO 0x30
#define PFS_NINE 0x39
#define PFS_COLON 0x3a
#define PFS_UPPER_A 0x41
#define PFS_UPPER_E 0x45
#define PFS_UPPER_F 0x46
#define PFS_OPEN_BRACKET 0x5b
#define PFS_BACKSLASH 0x5c
#define PFS_CLOSE_BRACKET 0x5d
#define PFS_LOWER_A 0x61
#define PFS_LOWER_B 0x62
#define PFS_LOWER_E 0x65
#define PFS_LOWER_F 0x66
#define PFS_LOWER_N 0x6e
#define PFS_LOWER_R 0x72
#define PFS_LOWER_T 0x74
#define PFS_LOWER_U 0x75
#define PFS_OPEN_BRACE 0x7b
#define PFS_CLOSE_BRACE 0x7d
/* The first code that is not ASCII. */
#define PFS_ASCII_END 0x80

bool pfs_is_digit(u32 code);

#endif /* _PFS_ASCII_H */
