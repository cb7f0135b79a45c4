import { createRequire } from "node:module";
import { getSystemErrorMap } from "node:util";
import type * as Koffi from "koffi";
import { describeFailure } from "./failure-text.ts";

/**
 * A system call that failed, with the members of Node's own errors: `code` ("ENOENT"), `errno` (negative), `syscall`
 * and, where there is one, `path`. The message is for users: "cannot open PATH: no such file or directory".
 */
export class SystemError extends Error {
  override readonly name = "SystemError";
  readonly code: string;
  readonly errno: number;
  readonly syscall: string;
  readonly path?: string;

  constructor(errno: number, syscall: string, path?: string) {
    const { code, text } = describeErrno(errno);
    super(describeFailure(syscall, text, path));
    this.code = code;
    this.errno = -errno;
    this.syscall = syscall;
    if (path !== undefined) this.path = path;
  }
}

interface ErrnoDescription {
  /** Node's name where it has one, so that codes of errors of Node and of this module are equal. */
  code: string;
  /** The C library's text, in lower case as inside a sentence. */
  text: string;
  /** libuv's text, which Node's messages contain. */
  nodeText: string | undefined;
}

const descriptions = new Map<number, ErrnoDescription>();

/** @param errno positive */
export function describeErrno(errno: number): ErrnoDescription {
  let found = descriptions.get(errno);
  if (found === undefined) {
    const [code, nodeText] = getSystemErrorMap().get(-errno) ?? [];
    const name = () => Object.entries(koffi().os.errno).find(([, value]) => value === errno)?.[0] ?? `E${errno}`;
    const words = String(library().func("const char *strerror(int errno)")(errno));
    found = {
      code: code ?? name(),
      text: words.replace(/^[A-Z](?=[a-z])/, (letter) => letter.toLowerCase()),
      nodeText,
    };
    descriptions.set(errno, found);
  }
  return found;
}

type Native = ReturnType<ReturnType<typeof Koffi.load>["func"]>;

let loaded: typeof Koffi | undefined;
let libc: ReturnType<typeof Koffi.load> | undefined;

/**
 * The C library's errno of this thread, as memory: each worker thread loads this module for itself. Between a call and
 * koffi's errno(), V8 may run: it collects garbage on entry to a function, for example, and its locks wait by futex(2),
 * which leaves EAGAIN in errno. Reading memory is not a call.
 */
let errno = new Int32Array(1);

/** Calls of bindAside() that may be under way at once before koffi maps memory for each further one, which takes 15 µs. */
export const CALLS_ASIDE = 32;

/**
 * Loading koffi costs 11 ms, so it waits for the first call that needs it. All modules load it by this: it can be
 * configured only before its first call.
 */
function koffi(): typeof Koffi {
  if (loaded !== undefined) return loaded;
  const module: typeof Koffi = createRequire(import.meta.url)("koffi");
  module.config({ resident_async_pools: CALLS_ASIDE, async_stack_size: 65536, async_heap_size: 65536 });
  loaded = module;
  return module;
}

function library(): ReturnType<typeof Koffi.load> {
  if (libc === undefined) {
    libc = koffi().load(null);
    const address: bigint = libc.func("void *__errno_location()")();
    errno = new Int32Array(koffi().view(address, Int32Array.BYTES_PER_ELEMENT));
  }
  return libc;
}

/** An argument of a bound function: a NULL pointer, a number, or memory that the call may read and write. */
export type NativeArgument = number | bigint | Uint8Array | null;

/**
 * Binds a C function of the C library on first use. The prototype is koffi's: `void *` takes a Uint8Array, 64-bit
 * results come as numbers. Variadic functions are declared with the arguments that are passed (the same thing on
 * the Linux ABIs).
 *
 * The returned function returns the C function's result, or minus errno if that is `failure`.
 */
export function bind(prototype: string, failure = -1): (...values: NativeArgument[]) => number {
  let native: Native | undefined;
  return (...values) => {
    native ??= library().func(prototype);
    const result: number | bigint = native(...values);
    // Before anything else, and also after a success, so that V8 has the code for this load when it counts.
    const code = errno[0];
    const value = Number(result);
    return value === failure ? -code : value;
  };
}

/** Memory that calls of other threads use: V8 does not see that they do. */
const usedAside = new Set<readonly NativeArgument[]>();

/**
 * bind() for calls that run in a thread of libuv's pool while the caller goes on. `done` is called from the event loop,
 * with the C function's result; not if the process ends before. There is no errno: koffi sets it before it calls back,
 * but V8 runs before `done` could read it.
 */
export function bindAside(
  prototype: string,
): (values: readonly NativeArgument[], done: (result: number) => void) => void {
  let native: Native | undefined;
  return (values, done) => {
    native ??= library().func(prototype);
    usedAside.add(values);
    native.async(...values, (_error: null, result: number | bigint) => {
      usedAside.delete(values);
      done(Number(result));
    });
  };
}

/** The memory at an address. */
export function view(address: number, bytes: number): ArrayBuffer {
  return koffi().view(address, bytes);
}

/** The address of a buffer, which must be larger than 64 bytes, or its memory may move. */
export function addressOf(buffer: Uint8Array): bigint {
  return koffi().address(buffer);
}

/** Has the event loop call back whenever a descriptor is readable or hung up. */
export function watch(descriptor: number, callback: () => void): { close(): void } {
  return koffi().node.poll(descriptor, { readable: true }, callback);
}

/** The same whenever something can be written. */
export function watchWritable(descriptor: number, callback: () => void): { close(): void } {
  return koffi().node.poll(descriptor, { writable: true }, callback);
}

/** Passes a result of a bound function on, or throws the SystemError that it encodes. */
export function check(result: number, syscall: string, path?: () => string): number {
  if (result < 0) throw new SystemError(-result, syscall, path?.());
  return result;
}
