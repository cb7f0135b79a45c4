/** Layouts in which another user puts something else in the place of each name: nothing outside is read or changed. */
import { chmodSync, chownSync, existsSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import { LayoutError } from "./errors.ts";
import { asRoot, commit, foreignLink, GuardedLayout, kinds, NOBODY, SECRET } from "./hostile-layout-fixture.ts";
import { ImageIndex, REF_NAME } from "./index-json.ts";
import { Layout } from "./image-layout.ts";
import { Transaction } from "./transaction.ts";
import { MANIFEST_TYPE } from "./manifest.ts";

/** Does with a layout the work of every command; returns the message of the error, if any. */
const commands: Record<string, (path: string) => void> = {
  tags: (path) => {
    using layout = Layout.open(path);
    layout.tags();
  },
  manifest: (path) => {
    using layout = Layout.open(path);
    layout.manifest("v0");
  },
  build: (path) => {
    using layout = Layout.create(path);
    commit(layout, "v1");
  },
};

function failure(action: () => void): Error | undefined {
  try {
    action();
    return undefined;
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

for (const name of ["index.json", "oci-layout"])
  test(`${name} is a regular file, or no command reads or writes it`, (t) => {
    const guarded = new GuardedLayout();
    for (const [kind, make] of Object.entries(kinds(guarded))) {
      rmSync(guarded.at(name), { recursive: true });
      make(guarded.at(name));
      for (const [command, run] of Object.entries(commands)) {
        const error = failure(() => run(guarded.layout));
        t.true(error instanceof LayoutError, `${command}: ${kind}`);
        t.regex(error?.message ?? "", new RegExp(`${name}: not a regular file$`), `${command}: ${kind}`);
      }
      guarded.checkOutside(t, `${name}: ${kind}`);
    }
  });

test("a blob is a regular file, or no command reads it", (t) => {
  const guarded = new GuardedLayout();
  using layout = Layout.open(guarded.layout);
  const { digest } = layout.manifest("v0");
  for (const [kind, make] of Object.entries(kinds(guarded))) {
    for (const blob of [digest, guarded.blob]) {
      rmSync(guarded.at("blobs/sha256", blob), { recursive: true });
      make(guarded.at("blobs/sha256", blob));
      t.throws(
        () => layout.blobs.read(blob, 100_000),
        { instanceOf: LayoutError, message: /not a regular file$/ },
        kind,
      );
      t.is(layout.blobs.size(blob), undefined, kind);
    }
    t.throws(() => layout.manifest("v0"), { message: /not a regular file$/ }, kind);
    const error = failure(() => commit(layout, "v0"));
    // rename(2) replaces all of them but a directory.
    if (kind === "directory") t.regex(error?.message ?? "", /blobs\/sha256.*is a directory/, kind);
    else t.is(error, undefined, kind);
    guarded.checkOutside(t, kind);
  }
});

test("names of temporaries that are something else are left alone", (t) => {
  const guarded = new GuardedLayout();
  const names = [".puzzlefs-tmp-x", ".puzzlefs-index.json", ".puzzlefs-tmp-"];
  for (const [kind, make] of Object.entries(kinds(guarded))) {
    for (const name of names) make(guarded.at(name));
    using layout = Layout.create(guarded.layout);
    commit(layout, "v1");
    guarded.checkOutside(t, kind);
    for (const name of names) rmSync(guarded.at(name), { recursive: true });
  }
});

test("in a directory that looks like a dead writer's, `owner` is an empty file or it is left alone", (t) => {
  const guarded = new GuardedLayout();
  const left = guarded.at(".puzzlefs-tmp-x");
  const owners = { ...kinds(guarded), text: (path: string) => writeFileSync(path, "text"), absent: () => undefined };
  for (const [kind, make] of Object.entries(owners)) {
    mkdirSync(left, 0o700);
    writeFileSync(join(left, "file"), "");
    make(join(left, "owner"));
    using layout = Layout.create(guarded.layout);
    commit(layout, "v1");
    t.true(existsSync(join(left, "file")), kind);
    guarded.checkOutside(t, kind);
    rmSync(left, { recursive: true });
  }
});

/** Makes what a writer that died leaves. */
function leftover(path: string, mode = 0o700): void {
  mkdirSync(path);
  for (const name of ["owner", "blob"]) writeFileSync(join(path, name), "");
  symlinkSync("../../vault/below", join(path, "link"));
  chmodSync(path, mode);
}

test("staging directories of the dead are swept, those of the living stay", (t) => {
  const guarded = new GuardedLayout();
  using layout = Layout.open(guarded.layout);
  const living = Transaction.begin(layout);
  const { temporary } = living.writeBlob(Buffer.from("x"));
  leftover(guarded.at(".puzzlefs-tmp-dead"));
  leftover(guarded.at(".puzzlefs-tmp-dead-in-a-shared-layout"), 0o2700);
  mkdirSync(guarded.at(".puzzlefs-tmp-unborn"), 0o700);
  leftover(guarded.at(".puzzlefs-tmp-of-another-mode"), 0o755);
  Transaction.begin(layout).abort();
  t.is(living.directory.fileSize(temporary), 1);
  const names = layout.directory.names().filter((name) => name.startsWith("."));
  t.deepEqual(
    names.toSorted(),
    [living.directory.path.slice(guarded.layout.length + 1), ".puzzlefs-tmp-of-another-mode"].toSorted(),
  );
  living.abort();
  guarded.checkOutside(t, "swept");
});

asRoot("another user's staging directory is not swept", (t) => {
  const guarded = new GuardedLayout();
  const left = guarded.at(".puzzlefs-tmp-x");
  leftover(left);
  chownSync(left, NOBODY, NOBODY);
  using layout = Layout.open(guarded.layout);
  Transaction.begin(layout).abort();
  t.true(existsSync(join(left, "blob")));
});

test("a staging directory that is swapped for a link while a writer works goes on as it was", (t) => {
  for (const end of ["commit", "abort"]) {
    const guarded = new GuardedLayout();
    using layout = Layout.open(guarded.layout);
    const transaction = Transaction.begin(layout);
    const first = transaction.writeBlob(Buffer.from("first"));
    renameSync(transaction.directory.path, guarded.at("elsewhere"));
    symlinkSync("../vault", transaction.directory.path);
    const second = transaction.writeBlob(Buffer.from("second"));
    if (end === "commit") {
      t.throws(() => transaction.commit({ tag: "no tag", manifest: Buffer.from("{}"), blobs: [first, second] }));
      t.is(layout.blobs.size(first.digest), undefined);
    }
    transaction.abort();
    t.deepEqual(layout.tags(), ["v0"]);
    guarded.checkOutside(t, end);
  }
  const guarded = new GuardedLayout();
  using layout = Layout.open(guarded.layout);
  const transaction = Transaction.begin(layout);
  const staged = transaction.writeBlob(Buffer.from("v0"));
  renameSync(transaction.directory.path, guarded.at("elsewhere"));
  symlinkSync("../vault", transaction.directory.path);
  transaction.commit({ tag: "v1", manifest: layout.manifest("v0").bytes, blobs: [staged] });
  t.is(layout.manifest("v1").digest, layout.manifest("v0").digest);
  guarded.checkOutside(t, "a whole commit");
});

for (const name of ["blobs", "blobs/sha256"]) {
  test(`${name} may be a link of one's own: LXC shares blobs so`, (t) => {
    const guarded = new GuardedLayout();
    renameSync(guarded.at(name), guarded.at("shared"));
    symlinkSync(guarded.at("shared"), guarded.at(name));
    using layout = Layout.create(guarded.layout);
    commit(layout, "v1");
    t.is(layout.tags().length, 2);
    t.is(layout.manifest("v1").digest.length, 64);
  });

  asRoot(`${name} as a link of another user's leads only to what is that user's`, (t) => {
    const guarded = new GuardedLayout();
    renameSync(guarded.at(name), guarded.at("shared"));
    foreignLink(guarded.at("shared"), guarded.at(name));
    for (const command of ["manifest", "build"])
      t.throws(() => commands[command]?.(guarded.layout), {
        instanceOf: LayoutError,
        message: new RegExp(`${name}: a symbolic link of another user's`),
      });
    chownSync(guarded.at("shared"), NOBODY, NOBODY);
    commands["build"]?.(guarded.layout);
    guarded.checkOutside(t, name);
  });

  test(`${name} as something else is refused, and nothing is made where it leads`, (t) => {
    const guarded = new GuardedLayout();
    for (const [kind, make] of Object.entries(kinds(guarded))) {
      if (kind === "link to a directory" || kind === "directory") continue;
      rmSync(guarded.at(name), { recursive: true });
      make(guarded.at(name));
      for (const command of ["manifest", "build"])
        t.regex(
          failure(() => commands[command]?.(guarded.layout))?.message ?? "",
          /not a directory|no such file/,
          kind,
        );
      guarded.checkOutside(t, kind);
    }
  });
}

test("errors about JSON quote nothing of it", (t) => {
  const texts = [
    SECRET,
    `{"a": 1}\n${SECRET}`,
    `{"a": "${SECRET}`,
    `{"imageLayoutVersion": "${SECRET}"}`,
    `"${SECRET}"`,
  ];
  texts.push(`{"schemaVersion": "${SECRET}"}`, `{"schemaVersion": 2, "manifests": ["${SECRET}"]}`);
  for (const name of ["index.json", "oci-layout"])
    for (const text of texts) {
      const guarded = new GuardedLayout();
      writeFileSync(guarded.at(name), text);
      const error = failure(() => commands["tags"]?.(guarded.layout));
      // An object without entries is an empty index; an entry may be anything.
      const isIndex = name === "index.json" && (text.includes("imageLayout") || text.includes("manifests"));
      t.is(error instanceof LayoutError, !isIndex, text);
      for (let shown: unknown = error; shown instanceof Error; shown = shown.cause)
        for (const part of ["root", "secret", "19000", "99999"]) t.false(shown.message.includes(part), shown.message);
    }
  const guarded = new GuardedLayout();
  writeFileSync(guarded.at("index.json"), '{"schemaVersion": 2,\n  "manifests": [}');
  t.regex(
    failure(() => commands["tags"]?.(guarded.layout))?.message ?? "",
    /index\.json: not JSON: wrong at line 2 column 17$/,
  );
  writeFileSync(guarded.at("index.json"), '{"schemaVersion": 2,\n  manifests: []}');
  t.regex(failure(() => commands["tags"]?.(guarded.layout))?.message ?? "", /not JSON: wrong at line 2 column 3$/);
});

test("an index has room for 10,000 tags, and one that readers would refuse is not written", (t) => {
  const guarded = new GuardedLayout();
  using layout = Layout.open(guarded.layout);
  const platform = { architecture: "amd64", os: "linux" };
  const entry = (tag: string) => ({
    mediaType: MANIFEST_TYPE,
    digest: `sha256:${"0".repeat(64)}`,
    size: 123_456,
    platform,
    annotations: { [REF_NAME]: tag },
  });
  const entries = (number: number) => Array.from({ length: number }, (_, i) => entry(`${i}`.padStart(255, "t")));
  const indexOf = (number: number) => ImageIndex.parse(Buffer.from(JSON.stringify({ manifests: entries(number) })), "");
  writeFileSync(guarded.at("index.json"), indexOf(10_000).bytes());
  commit(layout, "v1");
  t.is(layout.tags().length, 10_001);
  const transaction = Transaction.begin(layout);
  t.throws(() => layout.replaceIndex(indexOf(20_000), transaction.directory), {
    instanceOf: LayoutError,
    message: /index\.json: it would grow beyond 8388608 bytes/,
  });
  transaction.abort();
  t.is(layout.tags().length, 10_001);
  writeFileSync(guarded.at("index.json"), Buffer.alloc(8 * 1024 * 1024 + 1, " "));
  t.throws(() => layout.tags(), { message: /8388609 bytes, more than 8388608/ });
});
