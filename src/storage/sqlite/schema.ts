import type { Schema } from '#storage/sql/migrations.ts'

const NEW_GENERATION = `insert into infer_generations (domain, token) values ('jobs', lower(hex(randomblob(16))))
  on conflict (domain) do update set token = excluded.token;`

/**
 * The tables, and the triggers by which edits with the sqlite3 shell count too: each change of a definition gives its
 * row a new token, and the jobs a new generation.
 */
export const SQLITE_SCHEMA: Schema = {
  ledger: ['create table if not exists infer_migrations (version integer primary key, applied_at text not null)'],
  migrations: [
    {
      version: 1,
      statements: [
        `create table infer_conversations (
          id text primary key,
          entry_count integer not null,
          updated_at text not null,
          title_generated integer not null,
          document text not null
        )`,
        'create index infer_conversations_newest on infer_conversations (updated_at desc, id desc)',
        `create index infer_conversations_untitled on infer_conversations (updated_at desc, id desc)
          where not title_generated and entry_count > 0`,
        `create table infer_conversation_entries (
          conversation_id text not null,
          seq integer not null,
          document text not null,
          primary key (conversation_id, seq)
        )`,
        'create table infer_session_groups (key text primary key, document text not null)',
        `create table infer_scheduled_jobs (
          id text primary key,
          name text,
          description text,
          cron_expression text not null,
          timezone text,
          prompt text not null,
          channel text,
          recipient_id text,
          model text,
          run_once integer not null default 0,
          enabled integer not null default 1,
          catch_up text not null default 'latest',
          overlap text not null default 'skip',
          created_at text not null default (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
          updated_at text not null default (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
          row_token text not null default (lower(hex(randomblob(8))))
        )`,
        `create trigger infer_job_inserted after insert on infer_scheduled_jobs begin ${NEW_GENERATION} end`,
        `create trigger infer_job_updated after update of id, name, description, cron_expression, timezone, prompt,
            channel, recipient_id, model, run_once, enabled, catch_up, overlap, created_at, updated_at
          on infer_scheduled_jobs begin
            update infer_scheduled_jobs set row_token = lower(hex(randomblob(8))) where id = new.id;
            ${NEW_GENERATION}
          end`,
        `create trigger infer_job_deleted after delete on infer_scheduled_jobs begin ${NEW_GENERATION} end`,
        `create table infer_job_states (
          job_id text primary key,
          version text not null,
          schedule_hash text not null,
          cursor_at text not null,
          last_run text,
          last_error text,
          unsettled integer not null,
          document text not null
        )`,
        'create index infer_job_states_unsettled on infer_job_states (job_id) where unsettled',
        `create table infer_job_runs (
          id text primary key,
          job_id text not null,
          scheduled_for text not null,
          state text not null,
          delivery text not null,
          document text not null
        )`,
        'create index infer_job_runs_newest on infer_job_runs (scheduled_for desc, id desc)',
        'create index infer_job_runs_of_job on infer_job_runs (job_id, scheduled_for desc, id desc)',
        `create table infer_plans (
          id text primary key,
          title text not null,
          slug text not null,
          created_at text not null,
          body text not null
        )`,
        'create table infer_shell_history (id integer primary key autoincrement, command text not null)',
        'create table infer_coordination (key text primary key, version text not null, value text not null)',
        `create table infer_imports (
          source text not null,
          key text not null,
          outcome text not null,
          primary key (source, key)
        )`,
        'create table infer_generations (domain text primary key, token text not null)',
        `insert into infer_generations (domain, token) values ('jobs', lower(hex(randomblob(16))))`,
      ],
    },
  ],
}
