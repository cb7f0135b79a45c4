import { makeHostileTree } from "../trees/hostile.ts";
import { testRoundTrips } from "./round-trip.ts";

testRoundTrips("hostile tree", [], (scratch) => {
  const path = scratch.fresh("hostile");
  makeHostileTree(path);
  return path;
});
