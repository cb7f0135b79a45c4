import { mkdirSync, writeFileSync } from "node:fs";
import test from "ava";
import { remoteBaseName } from "./remote-base.ts";
import { remoteName } from "./remote-name.ts";
import { TestDirectory } from "./program-fixture.ts";

test("a name is of a registry if its first part is a host, and of a layout if its beginning is one", (t) => {
  for (const name of ["example.com/x:v1", "localhost/x", "localhost:5000/x/y:1.0", "[::1]:5000/x@sha256:0", "a-b:80/x"])
    t.is(remoteName(name), name);
  t.is(remoteName("docker://debian:13"), "debian:13");
  for (const name of [
    "store:v1",
    "store/x:v1",
    "./store:v1",
    "/a.b/store:v1",
    "../a.b/store:v1",
    "store:registry:5000/x/y:1.0",
    "store:docker.io/x:1",
    "oci:store:docker.io/library/x:latest",
    "no/such.host/x:v1",
  ])
    t.is(remoteName(name), undefined, name);
});

test("what exists is taken for a local directory", (t) => {
  using directory = new TestDirectory();
  const before = process.cwd();
  process.chdir(directory.path("."));
  try {
    for (const layout of ["store", "a.b/c"]) {
      mkdirSync(layout, { recursive: true });
      writeFileSync(`${layout}/oci-layout`, "");
    }
    for (const name of ["store:5000/x/y:1.0", "oci:store:5000/x:1", "a.b/c:v1", "a.b/new:v1"])
      t.is(remoteName(name), undefined, name);
    t.is(remoteName("store.example:5000/x/y:1.0"), "store.example:5000/x/y:1.0");
    t.is(remoteName("docker://store:5000/x"), "store:5000/x");
  } finally {
    process.chdir(before);
  }
});

test("a base is a tag of the layout if that has it, and else may be of a registry", (t) => {
  using directory = new TestDirectory();
  const layout = directory.path("store");
  t.is(remoteBaseName("example.com/x:v1", layout), "example.com/x:v1");
  mkdirSync(layout);
  writeFileSync(`${layout}/oci-layout`, '{"imageLayoutVersion":"1.0.0"}');
  const annotations = { "org.opencontainers.image.ref.name": "example.com/x:v1" };
  writeFileSync(`${layout}/index.json`, JSON.stringify({ schemaVersion: 2, manifests: [{ annotations }] }));
  t.is(remoteBaseName("example.com/x:v1", layout), undefined);
  t.is(remoteBaseName("docker://example.com/x:v1", layout), "example.com/x:v1");
  t.is(remoteBaseName("example.com/x:v2", layout), "example.com/x:v2");
  t.is(remoteBaseName("v2", layout), undefined);
});
