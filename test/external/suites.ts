/** All suites, in the order in which they run. */
import type { Suite } from "./suite.ts";
import { copying } from "./suites/copying.ts";
import { fio } from "./suites/fio.ts";
import { readAll } from "./suites/read-all.ts";
import { unionmount } from "./suites/unionmount.ts";
import { xfstests } from "./suites/xfstests.ts";

export const suites: readonly Suite[] = [xfstests, readAll, fio, copying, unionmount];
