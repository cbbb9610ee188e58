FROM debian
RUN python3 <<EOF
print(1)
EOF
RUN b
