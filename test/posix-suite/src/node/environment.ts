/** System calls for programs under Node, by koffi. */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { bind, type NativeArgument } from "@puzzlefs/linux";
import type { Argument, Environment, Memory, Wide } from "../environment.ts";

class NodeMemory implements Memory {
  readonly buffer: Buffer;

  constructor(length: number) {
    this.buffer = Buffer.alloc(length);
  }

  get length(): number {
    return this.buffer.length;
  }
}

type SystemCall = (number: number, ...values: NativeArgument[]) => number;

const forms = new Map<string, SystemCall>();

/** syscall(2), for the arguments of six that are pointers; the others are numbers. */
function formOfSyscall(pointers: readonly boolean[]): SystemCall {
  const types = pointers.map((isPointer) => (isPointer ? "void *" : "int64_t"));
  const prototype = `int64_t syscall(int64_t, ${types.join(", ")})`;
  const form = forms.get(prototype) ?? bind(prototype);
  forms.set(prototype, form);
  return form;
}

/** NaN, as each of its results is one. */
const compare = bind("int memcmp(int64_t, void *, size_t)", NaN);

const latin1 = (text: string): Buffer => Buffer.from(text, "latin1");

function passed(value: Argument): bigint | Buffer | null {
  if (value === undefined) return null;
  if (typeof value === "number") return BigInt(value);
  if (typeof value === "string") return latin1(`${value}\0`);
  return value instanceof NodeMemory ? value.buffer : (value as unknown as bigint);
}

export function nodeEnvironment(): Environment {
  const bufferOf = (memory: Memory): Buffer => (memory as NodeMemory).buffer;
  return {
    processor: process.arch === "arm64" ? "arm64" : "x64",
    call(number, ...values) {
      const words = Array.from({ length: 6 }, (_, index) => (index < values.length ? passed(values[index]) : 0n));
      const pointers = words.map((word) => typeof word !== "bigint");
      return formOfSyscall(pointers)(number, ...words);
    },
    memory: (length) => new NodeMemory(length),
    bytes: (memory, from, length) => bufferOf(memory).toString("latin1", from, from + length),
    put: (memory, from, bytes) => void bufferOf(memory).write(bytes, from, "latin1"),
    wide: (bytes) => latin1(bytes).readBigInt64LE() as unknown as Wide,
    latin1: (text) => text,
    sha256() {
      const hash = createHash("sha256");
      return {
        update: (memory, length) => void hash.update(bufferOf(memory).subarray(0, length)),
        digest: () => hash.digest("hex"),
      };
    },
    equal: (address, bytes) => compare(BigInt(address), latin1(bytes), bytes.length) === 0,
    shell(command) {
      const { status, stdout } = spawnSync("sh", ["-c", latin1(command)] as string[], { encoding: "latin1" });
      return { status: status ?? -1, output: stdout };
    },
  };
}
