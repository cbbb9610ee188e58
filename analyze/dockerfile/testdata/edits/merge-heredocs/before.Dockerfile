FROM debian
RUN <<EOF
apt-get update
apt-get install -y git
EOF
RUN <<END
rm -rf /a
rm -rf /b
END
CMD x
