/** Requests about accounts: one's own, and those of all for who is an admin of everything. */
import { apiPath, request } from "../api/client";
import type * as T from "./types";

const part = encodeURIComponent;

export const accountApi = {
  account: (signal?: AbortSignal) => request<T.Account>("GET", apiPath("account"), undefined, signal),
  setPassword: (old: string, chosen: string) => request("POST", apiPath("account/password"), { old, new: chosen }),
  signOut: () => request("POST", `${apiPath("").replace(/api\/v1\/$/, "")}sign-out`),

  ownTokens: () => request<{ tokens: T.Token[] }>("GET", apiPath("account/tokens")).then((answer) => answer.tokens),
  makeToken: (name: string, scopes: T.Scope[], days: number | null) =>
    request<{ token: string; about: T.Token }>("POST", apiPath("account/tokens"), { name, scopes, days }),
  revokeOwn: (id: string) => request("DELETE", apiPath(`account/tokens/${part(id)}`)),

  users: () => request<{ users: T.User[] }>("GET", apiPath("accounts/users")).then((answer) => answer.users),
  addUser: (name: string, service: boolean) =>
    request<{ name: string; password: string | null }>("POST", apiPath("accounts/users"), {
      name,
      is_service: service,
    }),
  disable: (name: string, disabled: boolean) =>
    request("PATCH", apiPath(`accounts/users/${part(name)}`), { is_disabled: disabled }),
  removeUser: (name: string) => request("DELETE", apiPath(`accounts/users/${part(name)}`)),
  setRole: (kind: "users" | "teams", name: string, path: string, role: T.RoleName | null) =>
    request("PUT", apiPath(`accounts/${kind}/${part(name)}/roles`), { path, role }),

  teams: () => request<{ teams: T.Team[] }>("GET", apiPath("accounts/teams")).then((answer) => answer.teams),
  addTeam: (name: string) => request("POST", apiPath("accounts/teams"), { name }),
  removeTeam: (name: string) => request("DELETE", apiPath(`accounts/teams/${part(name)}`)),
  setMember: (team: string, user: string, member: boolean) =>
    request(member ? "PUT" : "DELETE", apiPath(`accounts/teams/${part(team)}/members/${part(user)}`)),
  setQuota: (team: string, bytes: number | null, runs: number | null) =>
    request("PUT", apiPath(`accounts/teams/${part(team)}/quota`), { bytes, runs }),

  tokens: () => request<{ tokens: T.Token[] }>("GET", apiPath("accounts/tokens")).then((answer) => answer.tokens),
  revoke: (id: string) => request("DELETE", apiPath(`accounts/tokens/${part(id)}`)),

  rules: () => request<{ rules: T.Rule[] }>("GET", apiPath("accounts/retention")).then((answer) => answer.rules),
  addRule: (path: string, action: T.Rule["action"], days: number) =>
    request<T.Rule>("POST", apiPath("accounts/retention"), { path, action, days }),
  removeRule: (id: number) => request("DELETE", apiPath(`accounts/retention/${id}`)),

  auditUrl: (after: number, limit: number) => apiPath("accounts/audit", { after, limit }),
};
