/** What the kernel's checkers say and we do not follow, each with its reason. Whatever matches nothing any more fails. */
import type { KernelName } from "@puzzlefs/qemu";

export interface Exception {
  /** What reports it: `checkpatch`, `sparse`, `W=1`, or the name of one of Coccinelle's rules. */
  checker: string;
  /** Where, of which files below kernel/. */
  file: RegExp;
  /** What it says; checkpatch puts its type first. */
  says: RegExp;
  /** The kernels whose scripts say so; default: all. */
  kernels?: readonly KernelName[];
  reason: string;
}

export const exceptions: readonly Exception[] = [
  {
    checker: "checkpatch",
    file: /^format_base\.h$/,
    says: /^PREFER_KERNEL_TYPES/,
    reason: "these lines give user space the kernel's types, where the fuzzers and the comparison with TypeScript run",
  },
  {
    checker: "checkpatch",
    file: /^format_base\.h$/,
    says: /^PREFER_DEFINED_ATTRIBUTE_MACRO: Prefer noinline/,
    reason: "this line gives user space the kernel's macro",
  },
  {
    checker: "checkpatch",
    file: /^format_base\.h$/,
    says: /^BIT_MACRO/,
    reason: "2^53 is the end of a range of numbers, not a bit of a mask",
  },
  {
    checker: "checkpatch",
    file: /\.c$/,
    says: /^ALLOC_WITH_SIZEOF/,
    kernels: ["7"],
    reason: "kzalloc_obj() is in no header of 6.1 and 6.12",
  },
  {
    checker: "checkpatch",
    file: /^message\.c$/,
    says: /^PRINTK_WITHOUT_KERN_LEVEL/,
    reason: "the level is an argument",
  },
  {
    checker: "minmax",
    file: /^format_base\.h$|^generated\//,
    says: /opportunity for min\(\)/,
    reason: "generated, and compiled in user space too: the specification's language has no min()",
  },
  {
    checker: "swap",
    file: /^generated\//,
    says: /opportunity for swap\(\)/,
    reason: "generated, and compiled in user space too: the specification's language has no swap()",
  },
];

/** Coccinelle's rules that cannot be asked, and why. */
export const rulesLeftOut: Readonly<Record<string, string>> = {
  badzero: "written in OCaml, whose compiler nothing else here needs; sparse finds the same",
  check_bq27xxx_data: "for one driver of batteries",
};
