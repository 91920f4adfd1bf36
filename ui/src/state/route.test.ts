import { expect, test } from "vitest";
import { accountPath, readRoute, runPath } from "./route";

test("addresses below any path", () => {
  for (const root of ["/", "/team/runlore/"]) {
    expect(readRoute(root, root)).toEqual({ view: "workspace" });
    expect(readRoute(`${root}${runPath("a#1", "console")}`, root)).toEqual({ view: "run", uid: "a#1", tab: "console" });
    expect(readRoute(`${root}runs/abc`, root)).toEqual({ view: "run", uid: "abc", tab: "overview" });
    expect(readRoute(`${root}${accountPath()}`, root)).toEqual({ view: "account", tab: "own" });
    expect(readRoute(`${root}${accountPath("teams")}`, root)).toEqual({ view: "account", tab: "teams" });
    expect(readRoute(`${root}account/nothing`, root).view).toBe("unknown");
    expect(readRoute(`${root}account/teams/x`, root).view).toBe("unknown");
    expect(readRoute(`${root}runs/abc/nothing`, root).view).toBe("unknown");
    expect(readRoute(`${root}runs/%E0%A4%A`, root)).toEqual({ view: "run", uid: "%E0%A4%A", tab: "overview" });
  }
});
