FROM debian
RUN <<-EOF
	a
	EOF
RUN b
