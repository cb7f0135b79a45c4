/** Findings of the kernel's checkers that are accepted, each with the reason. An exception without a finding fails. */
import type { KernelName } from "@puzzlefs/qemu";

export interface Exception {
  /** `checkpatch`, `sparse`, `W=1`, or the name of a Coccinelle rule. */
  checker: string;
  /** Files below kernel/. */
  file: RegExp;
  /** Text of the finding; that of checkpatch begins with the type. */
  message: RegExp;
  /** Kernels whose scripts report it; default: all. */
  kernels?: readonly KernelName[];
  reason: string;
}

export const exceptions: readonly Exception[] = [
  {
    checker: "checkpatch",
    file: /^format_base\.h$/,
    message: /^PREFER_KERNEL_TYPES/,
    reason:
      "these lines define the kernel's types for user space, where the fuzzers and the comparison with TypeScript run",
  },
  {
    checker: "checkpatch",
    file: /^format_base\.h$/,
    message: /^PREFER_DEFINED_ATTRIBUTE_MACRO: Prefer noinline/,
    reason: "this line defines the kernel's macro for user space",
  },
  {
    checker: "checkpatch",
    file: /^format_base\.h$/,
    message: /^BIT_MACRO/,
    reason: "2^53 is the end of a range of numbers, not a bit of a mask",
  },
  {
    checker: "checkpatch",
    file: /\.c$/,
    message: /^ALLOC_WITH_SIZEOF/,
    kernels: ["7"],
    reason: "6.1 and 6.12 do not have kzalloc_obj()",
  },
  {
    checker: "checkpatch",
    file: /^generated\/content\.c$/,
    message: /^LONG_LINE: line length of 106/,
    reason: "a digest in hexadecimal digits, which is searched for as a whole",
  },
  {
    checker: "checkpatch",
    file: /^message\.c$/,
    message: /^PRINTK_WITHOUT_KERN_LEVEL/,
    reason: "the level is an argument",
  },
  {
    checker: "checkpatch",
    file: /^trace\.h$/,
    message: /^(?:PARENTHESIS_ALIGNMENT|OPEN_ENDED_LINE)/,
    reason: "TRACE_EVENT() has this form in all headers of include/trace/events",
  },
  {
    checker: "checkpatch",
    file: /^compat\/compat\.h$/,
    message: /^MACRO_ARG_UNUSED/,
    reason: "functions of older kernels do not have these arguments",
  },
  {
    checker: "minmax",
    file: /^format_base\.h$|^generated\//,
    message: /opportunity for min\(\)/,
    reason: "generated, and compiled in user space too: the specification's language has no min()",
  },
  {
    checker: "swap",
    file: /^generated\//,
    message: /opportunity for swap\(\)/,
    reason: "generated, and compiled in user space too: the specification's language has no swap()",
  },
];

/** Coccinelle's rules that are not run, with the reasons. */
export const rulesLeftOut: Readonly<Record<string, string>> = {
  badzero: "needs an OCaml compiler; sparse finds the same",
  check_bq27xxx_data: "for one battery driver",
};
