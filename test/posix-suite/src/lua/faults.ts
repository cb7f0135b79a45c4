/** In a virtual machine: `lua faults.lua STORE MANIFEST MOUNTPOINT MORE-OPTIONS [SCENE]…`. */
import { FaultTheatre } from "../faults.ts";
import { System } from "../system.ts";
import { luaEnvironment, programArguments, writeLine } from "./environment.ts";

const [store, manifest, at, more, ...only] = programArguments();
const theatre = new FaultTheatre(new System(luaEnvironment()), { store, manifest, at, more, only }, writeLine);
if (theatre.run() > 0) throw new Error("not every failure was met well");
