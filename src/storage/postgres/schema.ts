import type { Schema } from '#storage/sql/migrations.ts'
import { raw } from '#storage/sql/statement.ts'

/** Key of the advisory lock of migrations: the bytes of "infer". */
const MIGRATION_LOCK = 0x69_6e_66_65_72

/** The channel on which a commit that changed definitions is told; the payload is the new generation. */
export const JOBS_CHANNEL = 'infer_jobs'

/**
 * The tables, and the trigger by which edits with psql count too. It is deferred, so that the one row of the
 * generation is locked last and only for the commit: a trigger at once would deadlock two writers of two jobs each.
 */
export const POSTGRES_SCHEMA: Schema = {
  lock: raw(`select pg_advisory_xact_lock(${MIGRATION_LOCK})`),
  ledger: [
    'create schema if not exists infer',
    'create table if not exists infer.migrations (version integer primary key, applied_at timestamptz not null)',
  ],
  migrations: [
    {
      version: 1,
      statements: [
        `create table infer.conversations (
          id text collate "C" primary key,
          entry_count integer not null,
          updated_at timestamptz not null,
          title_generated boolean not null,
          document text not null
        )`,
        'create index conversations_newest on infer.conversations (updated_at desc, id desc)',
        `create index conversations_untitled on infer.conversations (updated_at desc, id desc)
          where not title_generated and entry_count > 0`,
        `create table infer.conversation_entries (
          conversation_id text collate "C" not null,
          seq integer not null,
          document text not null,
          primary key (conversation_id, seq)
        )`,
        'create table infer.session_groups (key text collate "C" primary key, document text not null)',
        `create table infer.scheduled_jobs (
          id text collate "C" primary key,
          name text,
          description text,
          cron_expression text not null,
          timezone text,
          prompt text not null,
          channel text,
          recipient_id text,
          model text,
          run_once boolean not null default false,
          enabled boolean not null default true,
          catch_up text not null default 'latest',
          overlap text not null default 'skip',
          created_at timestamptz not null default clock_timestamp(),
          updated_at timestamptz not null default clock_timestamp()
        )`,
        `create table infer.job_states (
          job_id text collate "C" primary key,
          version text not null,
          schedule_hash text not null,
          cursor_at timestamptz not null,
          last_run timestamptz,
          last_error text,
          unsettled boolean not null,
          document text not null
        )`,
        'create index job_states_unsettled on infer.job_states (job_id) where unsettled',
        `create table infer.job_runs (
          id text collate "C" primary key,
          job_id text collate "C" not null,
          scheduled_for timestamptz not null,
          state text not null,
          delivery text not null,
          document text not null
        )`,
        'create index job_runs_newest on infer.job_runs (scheduled_for desc, id desc)',
        'create index job_runs_of_job on infer.job_runs (job_id, scheduled_for desc, id desc)',
        `create table infer.plans (
          id text collate "C" primary key,
          title text not null,
          slug text not null,
          created_at timestamptz not null,
          body text not null
        )`,
        `create table infer.shell_history (
          id bigint generated always as identity primary key,
          command text not null
        )`,
        `create table infer.coordination (
          key text collate "C" primary key,
          version text not null,
          value text not null
        )`,
        `create table infer.imports (
          source text collate "C" not null,
          key text collate "C" not null,
          outcome text not null,
          primary key (source, key)
        )`,
        'create table infer.generations (domain text primary key, token text not null, changed_in bigint)',
        `create function infer.jobs_changed() returns trigger language plpgsql as $$
          declare
            generation text;
          begin
            insert into infer.generations as g (domain, token, changed_in)
              values ('jobs', md5(random()::text || clock_timestamp()::text || pg_backend_pid()::text), txid_current())
              on conflict (domain) do update set token = excluded.token, changed_in = excluded.changed_in
                where g.changed_in is distinct from excluded.changed_in
              returning token into generation;
            if generation is not null then
              perform pg_notify('${JOBS_CHANNEL}', generation);
            end if;
            return null;
          end
        $$`,
        `create constraint trigger jobs_changed after insert or update or delete on infer.scheduled_jobs
          deferrable initially deferred for each row execute function infer.jobs_changed()`,
        `create trigger jobs_truncated after truncate on infer.scheduled_jobs
          for each statement execute function infer.jobs_changed()`,
        `insert into infer.generations (domain, token) values ('jobs', md5(random()::text || clock_timestamp()::text))`,
      ],
    },
  ],
}
