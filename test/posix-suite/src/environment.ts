/**
 * The platform of the programs here: system calls, and memory for them. There are two, Node's (node/environment.ts) and Lua's
 * in a virtual machine (lua/environment.ts); all else is written once. A string that goes to or comes from the system
 * holds bytes: in Node one character for each (latin1), in Lua the bytes themselves.
 */

/** Memory that system calls read and write. */
export interface Memory {
  readonly length: number;
}

/** A 64-bit number that may not be a safe integer: only to be passed on to a call. */
export interface Wide {
  readonly wide: never;
}

/** Strings are passed with a NUL behind them. */
export type Argument = number | string | Memory | Wide | undefined;

export interface Hash {
  update(memory: Memory, length: number): void;
  /** Hex. */
  digest(): string;
}

export interface Environment {
  /** Which column of calls.ts: that of the processor. */
  readonly processor: "x64" | "arm64";
  /** Returns the call's result, or minus errno. */
  call(number: number, ...values: Argument[]): number;
  /** Zeroed. */
  memory(length: number): Memory;
  bytes(memory: Memory, from: number, length: number): string;
  put(memory: Memory, from: number, bytes: string): void;
  /** From 8 bytes, little-endian. */
  wide(bytes: string): Wide;
  /** Text of this program as latin1 bytes. */
  latin1(text: string): string;
  sha256(): Hash;
  /** Whether the bytes at an address are these. */
  equal(address: number, bytes: string): boolean;
  /** Runs a shell command; `output` is its stdout. */
  shell(command: string): { status: number; output: string };
}
