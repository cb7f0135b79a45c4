import { closeSync, ftruncateSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import { flock, LOCK_EX, LOCK_NB, LOCK_UN, seekData, seekHole, syncfs } from "./descriptors.ts";
import { directory } from "./directory-fixture.ts";
import { SystemError } from "./library.ts";

test("locks exclude other descriptors, and go with their own", (t) => {
  const file = join(directory, "lock");
  const [a, b] = [openSync(file, "w"), openSync(file, "w")];
  t.true(flock(a, LOCK_EX));
  t.false(flock(b, LOCK_EX | LOCK_NB));
  flock(a, LOCK_UN);
  t.true(flock(b, LOCK_EX | LOCK_NB));
  t.false(flock(a, LOCK_EX | LOCK_NB));
  closeSync(b);
  t.true(flock(a, LOCK_EX | LOCK_NB));
  syncfs(a);
  closeSync(a);
  t.is(t.throws(() => syncfs(a), { instanceOf: SystemError })?.code, "EBADF");
});

test("holes are found without reading them, beyond 4 GiB too", (t) => {
  const fd = openSync(join(directory, "sparse"), "w+");
  const far = 6 * 2 ** 30;
  writeSync(fd, Buffer.alloc(4096, 1), 0, 4096, far);
  ftruncateSync(fd, far + 2 ** 20);
  t.is(seekData(fd, 0), far);
  t.is(seekHole(fd, far), far + 4096);
  t.is(seekData(fd, far + 4096), undefined);
  t.is(seekHole(fd, far + 2 ** 20), undefined);
  closeSync(fd);
});
