/**
 * Runs the POSIX cases against a directory that shows the fixture, in TAP:
 *
 *     node check.ts ROOT [FEATURE,…]
 *
 * Cases that need other features are reported as skipped. Exit code 1 if a case fails.
 */
import type { Feature } from "../case.ts";
import { fixture } from "../fixture.ts";
import { runCases } from "../posix.ts";
import { System } from "../system.ts";
import { nodeEnvironment } from "./environment.ts";

const [root, features = ""] = process.argv.slice(2);
const environment = nodeEnvironment();
const entries = fixture(environment.latin1, process.geteuid?.());
const subject = { system: new System(environment), root, entries };
const failed = runCases(subject, new Set(features.split(",") as Feature[]), (line) => console.log(line));
process.exitCode = failed === 0 ? 0 : 1;
