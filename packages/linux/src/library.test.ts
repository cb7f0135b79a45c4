import { join } from "node:path";
import { Worker } from "node:worker_threads";
import test from "ava";
import { majorOf, makedev, minorOf } from "./devices.ts";
import { directory, odd } from "./directory-fixture.ts";
import { bind, SystemError } from "./library.ts";
import { nulTerminated, printable } from "./paths.ts";
import { llistxattr } from "./xattrs.ts";

test("a failed call throws an error in Node's shape", (t) => {
  const path = join(directory, "nothing");
  const error = t.throws(() => llistxattr(path), { instanceOf: SystemError });
  t.like(error, { code: "ENOENT", errno: -2, syscall: "llistxattr", path });
  t.is(error?.message, `cannot read extended attributes of ${path}: no such file or directory`);
  t.is(new SystemError(117, "read").code, "EUCLEAN", "also where Node has no name");
});

test("a call's errno is that of its own thread", async (t) => {
  const library = JSON.stringify(new URL("library.ts", import.meta.url).href);
  const source = `
    import { parentPort } from "node:worker_threads";
    import { bind } from ${library};
    const close = bind("int close(int fd)");
    parentPort.on("message", () => parentPort.postMessage(close(-1)));`;
  const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(source)}`));
  const chdir = bind("int chdir(const void *path)");
  const inWorker = (): Promise<number> =>
    new Promise((done) => {
      worker.once("message", done);
      worker.postMessage("", []);
    });
  for (let round = 0; round < 3; round++) {
    const other = inWorker();
    t.is(chdir(Buffer.from("/nothing-here\0")), -2, "ENOENT here");
    t.is(await other, -9, "EBADF in the worker");
  }
  await worker.terminate();
  t.is(chdir(Buffer.from("/nothing-here\0")), -2, "also after the worker has ended");
});

test("paths: bytes pass as they are, NUL inside is refused, messages are printable", (t) => {
  t.deepEqual([...nulTerminated("é")], [0xc3, 0xa9, 0]);
  t.deepEqual([...nulTerminated(odd)], [...odd, 0]);
  const ready = Buffer.from("x\0");
  t.is(nulTerminated(ready), ready);
  t.throws(() => nulTerminated("a\0b"), { instanceOf: TypeError, message: /NUL byte: 'a\\x00b'/ });
  t.throws(() => nulTerminated("a\0\0"), { instanceOf: TypeError });
  t.is(printable(odd), "a\\xff\\x0a\\xfe");
  t.is(printable("é\n"), "é\\x0a");
});

test("device numbers survive in all their 32 bits, and beyond is refused", (t) => {
  for (const [major, minor] of [
    [0, 0],
    [8, 1],
    [259, 1048575],
    [4095, 256],
    [4095, 1048575],
  ]) {
    const device = makedev(major, minor);
    t.deepEqual([majorOf(device), minorOf(device)], [major, minor]);
  }
  for (const [major, minor] of [
    [4096, 0],
    [0, 1048576],
    [-1, 0],
    [0, 0.5],
  ])
    t.throws(() => makedev(major, minor), { instanceOf: RangeError });
});
