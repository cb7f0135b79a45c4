/** In a virtual machine: `lua posix.lua ROOT FEATURE,…`. The last line counts the cases that failed. */
import type { Feature } from "../case.ts";
import { fixture } from "../fixture.ts";
import { runCases } from "../posix.ts";
import { System } from "../system.ts";
import { luaEnvironment, programArguments, writeLine } from "./environment.ts";

const [root, features] = programArguments();
const environment = luaEnvironment();
const subject = { system: new System(environment), root, entries: fixture((text) => environment.latin1(text)) };
const failed = runCases(subject, new Set(features.split(",") as Feature[]), writeLine);
writeLine(`# ${failed} failed`);
