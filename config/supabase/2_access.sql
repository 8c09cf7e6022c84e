-- Who may do what: the service everything, a signed-in user read what is theirs, everybody else nothing.
-- It may be run again. It drops only policies of these names; others that you made stay and add to these.

alter table public.whatsapp_accounts enable row level security;
alter table public.messages enable row level security;

revoke all on public.whatsapp_accounts, public.messages from anon;
revoke insert, update, delete, truncate on public.whatsapp_accounts, public.messages from authenticated;
grant usage on schema public to authenticated, service_role;
grant select on public.whatsapp_accounts, public.messages to authenticated;
grant select, insert, update, delete on public.whatsapp_accounts, public.messages to service_role;
grant usage on all sequences in schema public to service_role;

-- Casts on both sides, so that it fits user_id as text (as here) and as uuid (as in many projects).
-- "(select …)" lets PostgreSQL ask once for a query instead of once for a row.
drop policy if exists wahook_own_accounts on public.whatsapp_accounts;
create policy wahook_own_accounts on public.whatsapp_accounts for select to authenticated
  using (user_id::text = (select auth.uid())::text);

drop policy if exists wahook_own_messages on public.messages;
create policy wahook_own_messages on public.messages for select to authenticated
  using (exists (
    select 1 from public.whatsapp_accounts account
    where account.session_id = messages.session_id and account.user_id::text = (select auth.uid())::text
  ));

notify pgrst, 'reload schema';
