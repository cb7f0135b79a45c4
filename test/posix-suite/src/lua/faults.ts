/** In a virtual machine: `lua faults.lua STORE MANIFEST MOUNTPOINT MORE-OPTIONS [SCENARIO]…`. */
import { AllocationFailures } from "../faults.ts";
import { System } from "../system.ts";
import { luaEnvironment, programArguments, writeLine } from "./environment.ts";

const [store, manifest, at, more, ...only] = programArguments();
const failures = new AllocationFailures(new System(luaEnvironment()), { store, manifest, at, more, only }, writeLine);
if (failures.run() > 0) throw new Error("a failed allocation had a wrong result");
