/** What the server says of accounts: see `runlore.server.accounts`. Times are ms since 1970 UTC. */

export const ROLES = ["viewer", "editor", "admin"] as const;
export type RoleName = (typeof ROLES)[number];
export const SCOPES = ["read", "write", "admin"] as const;
export type Scope = (typeof SCOPES)[number];

export interface Role {
  path: string;
  role: RoleName;
}

export interface Account {
  name: string;
  is_admin: boolean;
  roles: Role[];
  scopes: Scope[];
}

export interface Token {
  id: string;
  user: string;
  name: string;
  scopes: Scope[];
  created_ms: number;
  expires_ms: number | null;
  used_ms: number | null;
}

export interface User {
  name: string;
  is_service: boolean;
  is_disabled: boolean;
  created_ms: number;
  teams: string[];
  roles: Role[];
}

export interface Quota {
  most_bytes: number | null;
  most_runs: number | null;
  used_bytes: number | null;
  used_runs: number | null;
}

export interface Team {
  name: string;
  members: string[];
  roles: Role[];
  quota: Quota;
}

export interface Rule {
  id: number;
  path: string;
  action: "trash" | "artifacts" | "empty";
  days: number;
  created_ms: number;
}

export interface AuditEntry {
  id: number;
  time_ms: number;
  actor: string;
  action: string;
  target: string;
  detail: Record<string, unknown>;
  client: string;
}
