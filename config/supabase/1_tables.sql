-- What wahook mirrors: sessions and their messages. Run it in the project's SQL editor, or with psql.
-- It may be run again, and on tables that the original service made: it adds what is missing and removes nothing.

create table if not exists public.whatsapp_accounts (
  id            text not null,           -- accountId
  user_id       text not null,           -- userId; with Supabase's users, their uuid
  session_id    text not null,
  status        text not null default 'initializing' check (status in ('initializing', 'ready', 'error')),
  created_at    timestamptz not null default now(),
  primary key (user_id, id)              -- two users may each have an account 1
);

alter table public.whatsapp_accounts
  add column if not exists session_id    text,
  add column if not exists status        text not null default 'initializing',
  add column if not exists phone_number  text,
  add column if not exists profile_name  text,
  add column if not exists error_message text,
  add column if not exists connected_at  timestamptz,
  add column if not exists last_seen     timestamptz,
  add column if not exists last_check    timestamptz,
  add column if not exists ai_enabled    boolean not null default false;

create table if not exists public.messages (
  id            bigint generated always as identity primary key,  -- the order of arrival in the mirror
  session_id    text not null,
  phone_number  text,                    -- of the other person, or of who wrote in a group
  message       text,
  type          text,
  has_media     boolean not null default false,
  "timestamp"   timestamptz not null default now()
);

alter table public.messages
  add column if not exists wa_message_id text,       -- WhatsApp's id; null in rows of the original service
  add column if not exists message_id    text,       -- ours, of messages that were sent through the service
  add column if not exists direction     text not null default 'in',
  add column if not exists chat_id       text,
  add column if not exists sender_name   text,
  add column if not exists is_group      boolean not null default false,
  add column if not exists from_me       boolean not null default false,
  add column if not exists status        text,       -- of those that were sent: queued, sent, delivered, read, …
  add column if not exists error         text,
  add column if not exists sent_at       timestamptz;

-- The mirror writes by these: a row that is written twice is the same row.
create unique index if not exists whatsapp_accounts_session on public.whatsapp_accounts (session_id);
create unique index if not exists messages_wa on public.messages (session_id, wa_message_id);

-- What frontends ask.
create index if not exists whatsapp_accounts_user on public.whatsapp_accounts (user_id);
create index if not exists messages_newest on public.messages (session_id, "timestamp" desc);
create index if not exists messages_of_number on public.messages (session_id, phone_number, "timestamp" desc);
