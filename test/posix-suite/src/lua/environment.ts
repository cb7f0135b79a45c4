/** System calls for programs in Lua: the global `sys` of qemu/guest/lua.c. */
import type { Argument, Environment, Hash, Memory, Wide } from "../environment.ts";

interface LuaHash {
  update(memory: Memory, length: number): void;
  hex(): string;
}

declare const sys: {
  call(this: void, number: number, ...values: Argument[]): number;
  buffer(this: void, length: number): Memory;
  bytes(this: void, memory: Memory, from: number, length: number): string;
  put(this: void, memory: Memory, from: number, bytes: string): void;
  equal(this: void, address: number, bytes: string, length: number): boolean;
  sha256(this: void): LuaHash;
  shell(this: void, command: string): string;
};

declare const string: {
  unpack(this: void, format: string, bytes: string): Wide;
  char(this: void, byte: number): string;
};

declare const utf8: { codepoint(this: void, text: string, at: number): number; len(this: void, text: string): number };

declare const arg: string[];

declare const print: (this: void, line: string) => void;

export function programArguments(): string[] {
  return arg;
}

export function writeLine(line: string): void {
  print(line);
}

/** Characters of this text are UTF-8 in the program that Lua reads; the bytes of those that are meant are fewer. */
function latin1(text: string): string {
  let bytes = "";
  for (let at = 1; at <= text.length;) {
    const code = utf8.codepoint(text, at);
    bytes += string.char(code);
    at += code < 0x80 ? 1 : 2;
  }
  return bytes;
}

export function luaEnvironment(): Environment {
  return {
    processor: "x64",
    call: (number, ...values) => sys.call(number, ...values),
    memory: (length) => sys.buffer(length),
    bytes: (memory, from, length) => sys.bytes(memory, from, length),
    put: (memory, from, bytes) => sys.put(memory, from, bytes),
    wide: (bytes) => string.unpack("<i8", bytes),
    latin1,
    sha256(): Hash {
      const hash = sys.sha256();
      return { update: (memory, length) => hash.update(memory, length), digest: () => hash.hex() };
    },
    equal: (address, bytes) => sys.equal(address, bytes, bytes.length),
    shell(command) {
      // Three digits at the end are the exit status.
      const output = sys.shell(`(${command}\n); printf %03d $?`);
      const end = output.length - 3;
      return { status: Math.floor(Number(output.slice(end))), output: output.slice(0, end) };
    },
  };
}
