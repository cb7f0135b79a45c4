/** In a virtual machine: `lua examine.lua STORE LIST NAMES [MOUNT-OPTIONS]`; LIST is a file of manifests, one a line. */
import { Examiner } from "../examine.ts";
import { System } from "../system.ts";
import { luaEnvironment, programArguments, writeLine } from "./environment.ts";

const [store, list, names, more = ""] = programArguments();
const system = new System(luaEnvironment());
const examiner = new Examiner(system, { store, more, names: Number(names) }, writeLine);
for (const manifest of system.readFile(list).split("\n")) if (manifest !== "") examiner.examine(manifest);
