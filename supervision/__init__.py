"""How failure is handled: supervision trees for pykka, after Erlang/OTP."""
