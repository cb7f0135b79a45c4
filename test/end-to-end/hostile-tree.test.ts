import { makeHostileTree } from "../trees/hostile.ts";
import { testRoundTrips } from "./round-trip.ts";
import { variants } from "./variants.ts";

testRoundTrips("hostile tree", variants, [], (scratch) => {
  const path = scratch.fresh("hostile");
  makeHostileTree(path);
  return path;
});
