/** In a virtual machine: `lua dump.lua ROOT [--no-times]`. */
import { dumpMounted } from "../dump.ts";
import { System } from "../system.ts";
import { luaEnvironment, programArguments, writeLine } from "./environment.ts";

const [root, option] = programArguments();
dumpMounted(new System(luaEnvironment()), root, writeLine, { times: option !== "--no-times" });
