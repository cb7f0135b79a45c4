import { noise } from "@puzzlefs/testing";
import test from "ava";
import { bytesOf, Client } from "./client-fixture.ts";
import { RegistryError } from "./errors.ts";
import { FAULT_TIMING, registryFaults } from "./faults-fixture.ts";
import { TestRegistry } from "./test-registry-fixture.ts";

const content = noise("registry blob", 300_000);
const [start, end] = [100_000, 200_000];

for (const fault of registryFaults) {
  const result = fault.outcome === "survived" ? "survived" : `an error: ${fault.outcome}`;
  test(`a whole blob, ${fault.name}: ${result}`, async (t) => {
    await using registry = await TestRegistry.start();
    using client = new Client({ timing: fault.name.includes("stalls") ? FAULT_TIMING : { pause: 1 } });
    const digest = registry.putBlob("a/b", content);
    registry.intercept = fault.begin();
    const reading = client.open(registry).readBlob(digest, content.length);
    if (fault.outcome === "survived") t.true(content.equals(await reading));
    else t.is((await t.throwsAsync(reading, { instanceOf: RegistryError })).kind, fault.outcome);
  });

  test(`a range, ${fault.name}: ${result}`, async (t) => {
    await using registry = await TestRegistry.start();
    using client = new Client({ timing: fault.name.includes("stalls") ? FAULT_TIMING : { pause: 1 } });
    const digest = registry.putBlob("a/b", content);
    registry.intercept = fault.begin();
    const range = { size: content.length, start, end };
    const reading = client
      .open(registry)
      .blob(digest, range)
      .then(async (blob) => ({ ...blob, bytes: await bytesOf(blob) }));
    if (fault.outcome === "survived") {
      const found = await reading;
      t.true(content.subarray(found.start, found.end).equals(found.bytes));
      t.true(found.whole ? found.bytes.length === content.length : found.start === start && found.end === end);
    } else if (fault.outcome === "corrupt") {
      // The digest of a range is the caller's to check, and a size that is wrong shows in the answer.
      const outcome = await reading
        .then(({ bytes, start: from, end: to }) => content.subarray(from, to).equals(bytes))
        .catch((error: unknown) => error);
      t.true(outcome === false || (outcome instanceof RegistryError && outcome.kind === "corrupt"), String(outcome));
    } else t.is((await t.throwsAsync(reading, { instanceOf: RegistryError })).kind, fault.outcome);
  });
}
