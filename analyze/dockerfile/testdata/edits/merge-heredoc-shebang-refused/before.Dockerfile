FROM debian
RUN <<EOF
#!/usr/bin/python3
print(1)
EOF
RUN <<EOF
b
EOF
