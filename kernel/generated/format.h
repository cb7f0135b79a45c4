/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Code generated from schema/ by make codegen. DO NOT EDIT. */
#ifndef _PFS_FORMAT_H
#define _PFS_FORMAT_H

#include "rules.h"
#include "metadata.h"
#include "ascii.h"
#include "mediatypes.h"
#include "wire.h"
#include "names.h"
#include "nameindex.h"
#include "layers.h"
#include "directories.h"
#include "device.h"
#include "digest.h"
#include "content.h"
#include "jsonstring.h"
#include "json.h"
#include "manifest.h"
#include "littleendian.h"
#include "seektable.h"
#include "recorded.h"
#include "validate.h"
#include "firstuse.h"
#include "bundle.h"
#include "places.h"
#include "chunkindex.h"
#include "checks.h"
#include "filetypes.h"

#endif /* _PFS_FORMAT_H */
